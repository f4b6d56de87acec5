"""Erasing an opinion or a matter: all that was said and told, and its traces in its author's chat.

What the same author said of others is left alone: other lines, another draft, another receipt.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, chat_lines, receipts, replies
from bot.vault import Vault
from handlers.consultations import service
from storage.models.consultations import (
    Candidate,
    MatterState,
    Opinion,
    OpinionFile,
    OpinionState,
    OpinionVersion,
    Receipt,
    RestrictedMatter,
)
from storage.models.people import Contact, Person
from storage.models.traffic import OutboxMessage, OutboxState

_CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b")
_TELLING = 5
"""Letters: a shorter piece is looked for as a whole line alone, not within others."""
_NUMBER_END = 9
"""Digits of a telephone that stay the same however its beginning is written."""


class Dialogue(Protocol):
    """A contact's row, or the contact of the turn under way, which is saved over the row."""

    id: int
    state: str | None
    data: dict[str, Any]


async def erase(
    session: AsyncSession,
    vault: Vault,
    opinion: Opinion,
    now: datetime,
    here: Dialogue | None = None,
) -> list[str]:
    """Forgets who gave it and what was said; the row stays for the counts.

    `here` is the chat in which it is asked for. Returns the ids of the files to delete (Law
    91/2025, article 14).
    """
    traces = await _traces_of_opinion(session, vault, opinion)
    file_ids = [*traces.file_ids]
    file_ids += await _forget_dialogues(session, vault, traces, opinion.contact_id, here, now)
    for version in await _versions(session, opinion):
        version.text = ""
    for message in await service.questions(session, opinion):
        message.text = ""
    if opinion.person_id:
        service.forget(await session.get_one(Person, opinion.person_id), now)
    for file in await _files(session, opinion):
        await session.delete(file)
    opinion.text = opinion.reason = ""
    service.forget_handling(opinion)
    opinion.contact_id, opinion.state = None, OpinionState.ERASED
    acts.note(session, now, "citizen", "erase", "opinion", opinion.id)
    return file_ids


async def erase_matter(
    session: AsyncSession,
    vault: Vault,
    matter: RestrictedMatter,
    now: datetime,
    here: Dialogue | None = None,
) -> list[str]:
    """As `erase`, for what was handed to the restricted desk; returns the ids of its files."""
    traces = await _traces_of_matter(session, vault, matter)
    file_ids = [*traces.file_ids]
    file_ids += await _forget_dialogues(session, vault, traces, matter.contact_id, here, now)
    if matter.person_id:
        service.forget(await session.get_one(Person, matter.person_id), now)
    matter.sealed = vault.seal_system(b"", service.SEALED_MATTERS)
    matter.file_ids, matter.contact_id, matter.state = [], None, MatterState.ERASED
    acts.note(session, now, "citizen", "erase", "matter", matter.id)
    await session.flush()
    return file_ids


# What it is known by


@dataclass(frozen=True)
class Traces:
    """What tells of an opinion or a matter wherever it stands."""

    subject_id: str
    candidate_id: str
    name: str
    """The candidate's."""
    pieces: frozenset[str]
    """What was said and told, line by line, bare."""
    file_ids: frozenset[str]
    digests: frozenset[bytes]
    """Of its receipts."""
    pepper: bytes = field(repr=False)

    async def stand_in(self, line: dict[str, Any]) -> bool:
        text = str(line.get("text", ""))
        return (
            self.name in text
            or any(press.endswith(self.subject_id) for press in _presses(line))
            or any(file["id"] in self.file_ids for file in line.get("files", []))
            or self._are_said(_bare(text))
            or any([await self.opens(code) for code in _codes(text)])
        )

    def _are_said(self, text: str) -> bool:
        return any(one == text or (len(one) >= _TELLING and one in text) for one in self.pieces)

    async def opens(self, code: str) -> bool:
        return await asyncio.to_thread(receipts.digest, code, self.pepper) in self.digests


async def _traces_of_opinion(session: AsyncSession, vault: Vault, opinion: Opinion) -> Traces:
    versions = await _versions(session, opinion)
    said = [version.text for version in versions] + [opinion.text, opinion.reason]
    said += [message.text for message in await service.questions(session, opinion)]
    files = await _files(session, opinion)
    return await _traces(session, vault, opinion, said, [file.file_id for file in files])


async def _traces_of_matter(
    session: AsyncSession, vault: Vault, matter: RestrictedMatter
) -> Traces:
    said = vault.unseal_system(matter.sealed, service.SEALED_MATTERS).decode()
    return await _traces(session, vault, matter, [said], matter.file_ids)


async def _traces(
    session: AsyncSession,
    vault: Vault,
    subject: Opinion | RestrictedMatter,
    said: Iterable[str],
    file_ids: Iterable[str],
) -> Traces:
    person = await session.get(Person, subject.person_id) if subject.person_id else None
    told = service.identity(vault, person)
    digests = await session.scalars(select(Receipt.digest).where(Receipt.subject_id == subject.id))
    about = await session.get_one(Candidate, subject.candidate_id)
    pieces = {_bare(line) for text in (*said, *told.values()) for line in text.splitlines()}
    pieces.add(_bare(told.get("telephone", ""))[-_NUMBER_END:])
    return Traces(
        subject.id, subject.candidate_id, about.name, frozenset(pieces - {""}),
        frozenset(file_ids), frozenset(digests), vault.pepper(),
    )  # fmt: skip


async def _versions(session: AsyncSession, opinion: Opinion) -> Sequence[OpinionVersion]:
    found = await session.scalars(
        select(OpinionVersion).where(OpinionVersion.opinion_id == opinion.id)
    )
    return found.all()


async def _files(session: AsyncSession, opinion: Opinion) -> Sequence[OpinionFile]:
    found = await session.scalars(select(OpinionFile).where(OpinionFile.opinion_id == opinion.id))
    return found.all()


def _bare(text: str) -> str:
    """Letters and digits alone: 0912 345 678 and 0912.345.678 are the same."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _codes(text: str) -> list[str]:
    """Receipts as they were shown, or typed by themselves."""
    typed = receipts.tidy_code(text.removeprefix("/tracuu"))
    shown = [receipts.tidy_code(code) for code in _CODE.findall(text)]
    return [code for code in (typed, *shown) if code]


def _presses(line: dict[str, Any]) -> list[str]:
    return [button.get("press", "") for row in line.get("choices", []) for button in row]


# Where it leaves traces


async def _forget_dialogues(
    session: AsyncSession,
    vault: Vault,
    traces: Traces,
    contact_id: int | None,
    here: Dialogue | None,
    now: datetime,
) -> list[str]:
    """In the chat it came from and the one it was opened in; returns ids of a draft's files."""
    file_ids: list[str] = []
    if contact_id is not None:
        await chat_lines.erase_some(session, vault, contact_id, lambda all_: _lines(all_, traces))
        await _cancel(session, vault, traces, contact_id)
        if here is None or here.id != contact_id:
            there = await session.get_one(Contact, contact_id, with_for_update=True)
            file_ids += await _forget_dialogue(session, vault, traces, there, now)
    if here is not None:
        file_ids += await _forget_dialogue(session, vault, traces, here, now)
    return file_ids


async def _lines(lines: Sequence[dict[str, Any]], traces: Traces) -> set[int]:
    """Those that tell of it, and what was said between its question and the next subject."""
    gone, within = set(), False
    for line in lines:
        within = _still_about(line, traces.candidate_id, within)
        if within or await traces.stand_in(line):
            gone.add(int(line["seq"]))
    return gone


def _still_about(line: dict[str, Any], candidate_id: str, within: bool) -> bool:
    for press in _presses(line):
        if press.startswith("s:"):
            return press.endswith(candidate_id)
        if press.startswith("k:") or press == "receipt":
            return False
    return within


async def _cancel(session: AsyncSession, vault: Vault, traces: Traces, contact_id: int) -> None:
    waiting = await session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.contact_id == contact_id,
            OutboxMessage.state.in_((OutboxState.QUEUED, OutboxState.IN_DOUBT)),
        )
    )
    for message in waiting:
        if message.reply is None:
            continue
        if _tells(replies.load(vault.unseal_system(message.reply, "outbox")), traces):
            message.state, message.reply, message.error = OutboxState.REJECTED, None, "erased"


def _tells(reply: replies.Reply, traces: Traces) -> bool:
    presses = [choice.press for row in reply.choices for choice in row]
    return traces.name in reply.args.values() or any(
        press.endswith(traces.subject_id) for press in presses
    )


async def _forget_dialogue(
    session: AsyncSession, vault: Vault, traces: Traces, dialogue: Dialogue, now: datetime
) -> list[str]:
    """What a chat remembers of it: that it is open, its receipt, a draft on the same candidate."""
    held = {name: value for name, value in dialogue.data.items() if value != traces.subject_id}
    again = held.get("again")
    if again and await traces.opens(_unsealed(vault, again)):
        del held["again"]
    draft = held.get("draft") or {}
    file_ids: list[str] = []
    if draft.get("candidate_id") == traces.candidate_id:
        del held["draft"]
        file_ids = list(draft["file_ids"])
        if draft["person_id"]:
            service.forget(await session.get_one(Person, draft["person_id"]), now)
    if held != dialogue.data:
        dialogue.data, dialogue.state = held, None
    return file_ids


def _unsealed(vault: Vault, again: str) -> str:
    return vault.unseal_system(bytes.fromhex(again), "receipt-again").decode()
