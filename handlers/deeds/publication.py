"""What the public reads of a good deed: written, approved, confirmed, corrected, taken down.

Two persons, neither of whom told it or is praised [R2]. Until the second has confirmed, and again
once it was taken down, the words lie sealed with the key of the praised and nowhere in clear: no
list, search, feed or export can hold what was not published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.media import Stored
from bot.replies import UserError, choice, link, reply
from bot.text import plain, tidy
from bot.vault import Vault
from handlers.deeds import forms, news, people, service, stages
from storage.models.base import new_id
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedInGroup,
    DeedPublication,
    DeedReport,
    DeedState,
    ReportState,
)
from storage.models.office import Officer
from storage.models.people import Person
from storage.models.traffic import StoredFile

LONGEST = {"title": 150, "lead": 500, "text": 8000, "quote": 1000}
LONGEST_GROUND = 500
MOST_PHOTOS = 6
_SHORTEST_TITLE = 5
_CUT = re.compile(r"…|\.{3,}|\[\.\.\.\]")
_SOON = (DeedState.SUMMARISED, DeedState.PROPOSED, DeedState.UNPUBLISHED)
"""From where the table leads to the public."""


@dataclass(frozen=True)
class Words:
    """The office's text. `quote` is what a citizen said, to the letter."""

    title: str = ""
    lead: str = ""
    text: str = ""
    quote: str = ""


# What there is


@dataclass(frozen=True)
class Work:
    """An officer's list: what waits for this second person, what may be written, what is out."""

    to_confirm: Sequence[Deed]
    to_write: Sequence[Deed]
    shown: Sequence[Deed]


async def work(session: AsyncSession, officer: Officer, most: int = 20) -> Work:
    found = await session.execute(
        select(Deed, _NEWEST)
        .outerjoin(_NEWEST, _IS_NEWEST)
        .where(
            Deed.office_id == officer.office_id,
            or_(Deed.state.in_(_SOON), and_(Deed.state == DeedState.PUBLISHED, _IS_DRAFT)),
        )
        .order_by(Deed.state_at)
    )
    to_confirm: list[Deed] = []
    to_write: list[Deed] = []
    for deed, text in found:
        waits = text is not None and text.approved_at is not None and text.confirmed_at is None
        mine = waits and text.approved_by == _actor(officer)
        (to_confirm if waits and not mine else to_write).append(deed)
    shown = await session.scalars(
        select(Deed)
        .where(Deed.office_id == officer.office_id, Deed.shown_at.is_not(None))
        .order_by(Deed.shown_at.desc())
        .limit(most)
    )
    return Work(to_confirm[:most], to_write[:most], shown.all())


_NEWEST = aliased(DeedPublication)
_LATER = aliased(DeedPublication)
_IS_NEWEST = and_(
    _NEWEST.deed_id == Deed.id,
    _NEWEST.version
    == select(func.max(_LATER.version)).where(_LATER.deed_id == Deed.id).scalar_subquery(),
)
_IS_DRAFT = and_(_NEWEST.published_at.is_(None), _NEWEST.ended_at.is_(None))


async def draft_of(session: AsyncSession, deed: Deed) -> DeedPublication | None:
    """The newest version, while nobody has published it."""
    newest = await stages.newest_publication(session, deed)
    return newest if newest and newest.published_at is None and newest.ended_at is None else None


async def current(session: AsyncSession, deed: Deed) -> DeedPublication | None:
    """What the public reads now."""
    found: DeedPublication | None = await session.scalar(
        select(DeedPublication).where(
            DeedPublication.deed_id == deed.id, DeedPublication.published_at.is_not(None),
            DeedPublication.ended_at.is_(None),
        )
    )  # fmt: skip
    return found


async def words_of(session: AsyncSession, vault: Vault, text: DeedPublication) -> Words:
    """Opened; what a witness said who has taken it back is left out."""
    words = Words(text.title, text.lead, text.text, text.quote)
    if text.words is not None:
        deed = await session.get_one(Deed, text.deed_id)
        key = (await session.get_one(Person, deed.subject_id)).wrapped_key
        if key is None:
            return Words()
        words = Words(**json.loads(vault.unseal(key, text.words, _place(text))))
    return words if await still_said(session, text) else replace(words, quote="")


async def still_said(session: AsyncSession, text: DeedPublication) -> bool:
    if text.quoted_id is None:
        return True
    report = await session.get(DeedReport, text.quoted_id)
    return report is not None and report.state == ReportState.GIVEN


def _place(text: DeedPublication) -> str:
    return f"deed_publications.words:{text.id}"


def _actor(officer: Officer) -> str:
    return f"officer:{officer.id}"


# Writing


async def write(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, now: datetime,
    *, seen: int, **pieces: str,
) -> DeedPublication:  # fmt: skip
    """Writes some of `title`, `lead`, `text`, `quote`, `correction`, `ground` into the draft; it
    is made when there is none; what was approved has to be approved anew. Raises UserError."""
    draft = await _opened(session, vault, officer, deed, now, seen)
    given = {name: _checked(name, value) for name, value in pieces.items()}
    if "ground" in given:
        draft.ground = given.pop("ground")
    if "correction" in given:
        draft.correction = given.pop("correction")
    if given.get("quote"):
        draft.quoted_id = await _said_by(session, vault, deed, given["quote"])
    words = replace(await words_of(session, vault, draft), **given)
    await _seal(session, vault, deed, draft, words)
    await session.flush()
    return draft


async def choose_photo(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, file_id: str, now: datetime,
    *, seen: int,
) -> DeedPublication:  # fmt: skip
    """Puts a photograph in, or takes it out again. Raises UserError."""
    draft = await _opened(session, vault, officer, deed, now, seen)
    if file_id in draft.photos:
        draft.photos = [one for one in draft.photos if one != file_id]
        return draft
    if file_id not in [one.id for one in await photographs(session, deed)]:
        raise UserError("exemplar-photo-gone")
    if len(draft.photos) >= MOST_PHOTOS:
        raise UserError("exemplar-photos-enough", most=MOST_PHOTOS)
    draft.photos = [*draft.photos, file_id]
    row = await session.get_one(DeedFile, (deed.id, file_id))
    row.chosen_at = now
    await session.flush()
    return draft


async def add_covered(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, file_id: str,
    covered: Stored, now: datetime,
) -> None:  # fmt: skip
    """A copy in which faces or plates are painted over [M8]: one more photograph, which goes when
    its original goes. Where the original stood in the draft, the copy stands. Raises UserError."""
    there = {one.id: one for one in await photographs(session, deed)}
    if file_id not in there:
        raise UserError("exemplar-photo-gone")
    source, copy_id = await session.get_one(DeedFile, (deed.id, file_id)), new_id()
    kept = asdict(covered)
    session.add(StoredFile(id=copy_id, contact_id=there[file_id].contact_id, taken_at=now, **kept))
    await session.flush()
    copy = DeedFile(
        deed_id=deed.id, file_id=copy_id, report_id=source.report_id, check_id=source.check_id,
        milestone_id=source.milestone_id, answers=source.answers, added_at=now,
    )  # fmt: skip
    session.add(copy)
    stages.note(session, now, _actor(officer), "cover photo", deed.id, copy_id)
    draft = await draft_of(session, deed)
    if draft is not None and file_id in draft.photos:
        draft = await _opened(session, vault, officer, deed, now, deed.version)
        draft.photos = [copy_id if one == file_id else one for one in draft.photos]
        copy.chosen_at = now
    await session.flush()


async def photographs(session: AsyncSession, deed: Deed) -> Sequence[StoredFile]:
    """Those of witnesses who still stand by it, of checks and of milestones; never the paper with
    which somebody agreed."""
    found = await session.scalars(
        select(StoredFile)
        .join(DeedFile, DeedFile.file_id == StoredFile.id)
        .outerjoin(DeedReport, DeedReport.id == DeedFile.report_id)
        .where(
            DeedFile.deed_id == deed.id, StoredFile.kind == "image",
            or_(DeedFile.report_id.is_(None), DeedReport.state == ReportState.GIVEN),
            DeedFile.answers != service.CONSENT_PAPER,
        )
        .order_by(DeedFile.added_at, StoredFile.id)
    )  # fmt: skip
    return found.all()


async def photos_of(session: AsyncSession, deed: Deed, text: DeedPublication) -> list[StoredFile]:
    """The chosen ones that may still be shown, in their order."""
    there = {one.id: one for one in await photographs(session, deed)} if text.photos else {}
    return [there[id] for id in text.photos if id in there]


async def _opened(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, now: datetime, seen: int
) -> DeedPublication:
    """The draft to be changed, with its approval gone; a new version where none is open."""
    await stages.hold(session, deed, seen)
    if deed.state != DeedState.PUBLISHED and not stages.may_become(deed, DeedState.PUBLISHED):
        raise stages.cannot(deed)
    draft = await draft_of(session, deed) or await _next(session, vault, deed, now)
    draft.written_by, draft.written_at = _actor(officer), now
    draft.approved_by = draft.approved_at = None
    stages.changed(deed, _actor(officer))
    stages.note(session, now, _actor(officer), "write publication", deed.id, draft.id)
    return draft


async def _next(session: AsyncSession, vault: Vault, deed: Deed, now: datetime) -> DeedPublication:
    """Beginning with what the version before says."""
    before = await stages.newest_publication(session, deed)
    draft = DeedPublication(
        id=new_id(), deed_id=deed.id, version=before.version + 1 if before else 1,
        quoted_id=before.quoted_id if before else None, ground=before.ground if before else "",
        photos=list(before.photos) if before else [], written_by="", written_at=now,
        title="", lead="", text="", quote="", correction="",
    )  # fmt: skip
    session.add(draft)
    words = await words_of(session, vault, before) if before else Words()
    await _seal(session, vault, deed, draft, words)
    return draft


async def _seal(
    session: AsyncSession, vault: Vault, deed: Deed, text: DeedPublication, words: Words
) -> None:
    key = (await session.get_one(Person, deed.subject_id)).wrapped_key
    if key is None:
        raise UserError("exemplar-forgotten")
    raw = json.dumps(asdict(words), ensure_ascii=False)
    text.words = vault.seal(key, raw, _place(text))


def _checked(name: str, value: str) -> str:
    words = tidy(value)
    longest = LONGEST.get(name, LONGEST_GROUND)
    if name == "title":
        words = " ".join(words.split())
        if len(words) < _SHORTEST_TITLE:
            raise UserError("exemplar-title-short")
    if name == "text" and not words:
        raise UserError("exemplar-needs-words")
    return forms.checked_words(words, longest)


async def _said_by(session: AsyncSession, vault: Vault, deed: Deed, quote: str) -> str:
    """The report that holds these words. What is left out is marked by "…"; a voice note is
    trusted to whoever wrote it down. Raises UserError for what nobody said."""
    spoken = ""
    for row in await service.reports_of(session, deed):
        told = await service.told_in(session, vault, row)
        if told is None:
            continue
        if _holds(f"{told.what} {told.outcome}", quote):
            return row.id
        if told.voices:
            spoken = spoken or row.id
    if not spoken:
        raise UserError("exemplar-not-said")
    return spoken


def _holds(said: str, quote: str) -> bool:
    """Each piece between marks of omission, in order, to the letter but for the spaces."""
    text, at = " ".join(said.split()), 0
    pieces = [" ".join(piece.split()).strip("“”\"'« »") for piece in _CUT.split(quote)]
    for piece in filter(None, pieces):
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return any(pieces)


# Two persons


async def approve(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, now: datetime, *, seen: int
) -> int:
    """The first person. Every other who may confirm is told; returns how many. Raises UserError,
    also where there is nobody else."""
    await stages.hold(session, deed, seen)
    draft = await _complete(session, vault, deed)
    stages.refuse_without_consent(deed, draft)
    await _refuse_involved(session, vault, officer, deed)
    others = await _others(session, vault, officer, deed)
    if not others:
        raise UserError("exemplar-nobody-else")
    draft.approved_by, draft.approved_at = _actor(officer), now
    stages.changed(deed, _actor(officer))
    stages.note(session, now, _actor(officer), "approve publication", deed.id, draft.id)
    message = reply("exemplar-news-confirm", name=officer.name).offering(
        choice("exemplar-open-button", f"vp:v:{deed.id}")
    )
    key = f"deed-confirm:{draft.id}:{deed.version}"
    await news.tell_each(session, vault, [one.contact_id for one in others], message, now, key)
    await session.flush()
    return len(others)


async def confirm(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, now: datetime,
    *, seen: int, page: str,
) -> DeedPublication:  # fmt: skip
    """The second person: now the public reads it, at the address `page`. Raises UserError."""
    await stages.hold(session, deed, seen)
    draft = await _complete(session, vault, deed)
    if draft.approved_by is None:
        raise UserError("exemplar-not-approved")
    await _refuse_involved(session, vault, officer, deed)
    await _refuse_namesake(session, draft, officer)
    before = await current(session, deed)
    draft.confirmed_by, draft.confirmed_at = _actor(officer), now
    if before is None:
        await stages.become(session, deed, DeedState.PUBLISHED, _actor(officer), now, seen=seen)
        await news.tell_tellers(session, vault, deed, now, page=page)
        await show(session, deed, now)
    else:
        await seal_what_is_clear(session, vault, deed, before)
        await _correct(session, officer, deed, draft, before, now)
    words = await words_of(session, vault, draft)
    draft.title, draft.lead, draft.text, draft.quote = (
        words.title, words.lead, words.text, words.quote,
    )  # fmt: skip
    draft.published_at = now
    await _tell_first(session, vault, draft, officer, page, now)
    await session.flush()
    return draft


async def _correct(
    session: AsyncSession, officer: Officer, deed: Deed, draft: DeedPublication,
    before: DeedPublication, now: datetime,
) -> None:  # fmt: skip
    """A new version in place of the one that is out, by the same two gates."""
    await stages.refuse_unless_two(session, deed, draft)
    stages.refuse_without_consent(deed, draft)
    before.ended_at, before.ended_because = now, draft.correction
    _close(before)
    stages.changed(deed, _actor(officer))
    stages.note(session, now, _actor(officer), "correct publication", deed.id, draft.correction)


async def send_back(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, reason: str, now: datetime,
    *, seen: int,
) -> None:  # fmt: skip
    """The second person asks for another text; the first hears why. Raises UserError."""
    await stages.hold(session, deed, seen)
    draft = await draft_of(session, deed)
    if draft is None or draft.approved_by is None:
        raise UserError("exemplar-not-approved")
    why = _reason(reason)
    first = await _officer_of(session, draft.approved_by)
    draft.approved_by = draft.approved_at = None
    stages.changed(deed, _actor(officer))
    stages.note(session, now, _actor(officer), "return publication", deed.id, why)
    if first is not None and first.id != officer.id:
        message = reply("exemplar-news-returned", name=officer.name, reason=why).offering(
            choice("exemplar-open-button", f"vp:o:{deed.id}")
        )
        key = f"deed-returned:{draft.id}:{deed.version}"
        await news.tell_each(session, vault, [first.contact_id], message, now, key)
    await session.flush()


async def unpublish(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, reason: str, now: datetime,
    *, seen: int,
) -> None:  # fmt: skip
    """One person is enough to take it down, at once and everywhere. Raises UserError."""
    await take_down(session, vault, deed, _actor(officer), _reason(reason), now, seen=seen)


async def take_down(
    session: AsyncSession, vault: Vault, deed: Deed, actor: str, reason: str, now: datetime,
    *, seen: int | None = None,
) -> None:  # fmt: skip
    """Whoever does it. Raises UserError."""
    out, draft = await current(session, deed), await draft_of(session, deed)
    await stages.become(session, deed, DeedState.UNPUBLISHED, actor, now, seen=seen, reason=reason)
    for text in (out, draft):
        if text is not None:
            text.ended_at, text.ended_because = now, reason
    if out is not None:
        await hide(session, vault, deed, out)
    await news.tell_tellers(session, vault, deed, now)
    await session.flush()


async def hide(session: AsyncSession, vault: Vault, deed: Deed, text: DeedPublication) -> None:
    """Nothing of it stays in clear, and no list finds it."""
    await seal_what_is_clear(session, vault, deed, text)
    _close(text)
    await show(session, deed, None)


async def seal_what_is_clear(
    session: AsyncSession, vault: Vault, deed: Deed, text: DeedPublication
) -> None:
    subject = await session.get_one(Person, deed.subject_id)
    if text.words is None and subject.wrapped_key is not None:
        await _seal(
            session, vault, deed, text, Words(text.title, text.lead, text.text, text.quote)
        )


def _close(text: DeedPublication) -> None:
    text.title = text.lead = text.text = text.quote = ""


async def show(session: AsyncSession, deed: Deed, at: datetime | None) -> None:
    """From when on the lists find it; None: no more."""
    deed.shown_at = at
    await session.execute(
        update(DeedInGroup).where(DeedInGroup.deed_id == deed.id).values(shown_at=at)
    )


async def _complete(session: AsyncSession, vault: Vault, deed: Deed) -> DeedPublication:
    draft = await draft_of(session, deed)
    if draft is None:
        raise UserError("deeds-needs-text")
    words = await words_of(session, vault, draft)
    if not words.title or not words.text:
        raise UserError("deeds-needs-text")
    if deed.state == DeedState.PUBLISHED and not draft.correction:
        raise UserError("exemplar-needs-correction")
    return draft


def _reason(text: str) -> str:
    words = forms.checked_words(text, LONGEST_GROUND)
    if len(words) < 3:
        raise UserError("deeds-needs-reason")
    return words


async def _officer_of(session: AsyncSession, actor: str | None) -> Officer | None:
    return await session.get(Officer, (actor or "").removeprefix("officer:"))


async def _refuse_involved(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed
) -> None:
    """Neither whoever told it, nor the praised. Raises UserError."""
    if await _is_involved(session, vault, officer, deed):
        raise UserError("deeds-own-report")


async def _is_involved(session: AsyncSession, vault: Vault, officer: Officer, deed: Deed) -> bool:
    told = await session.scalars(
        select(DeedReport.contact_id).where(DeedReport.deed_id == deed.id)
    )
    praised = plain(await service.subject_name(session, vault, deed))
    return officer.contact_id in set(told) or _is_called(officer.name, praised)


def _is_called(name: str, praised: str) -> bool:
    """Also with a title before it; nobody is harmed where it is only a namesake."""
    own = plain(name)
    return bool(own) and f" {praised}".endswith(f" {own}")


async def _refuse_namesake(
    session: AsyncSession, draft: DeedPublication, officer: Officer
) -> None:
    """One person let in twice, on two channels, has one name. Raises UserError."""
    first = await _officer_of(session, draft.approved_by)
    if first is not None and plain(first.name) == plain(officer.name):
        raise UserError("deeds-needs-two")


async def _others(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed
) -> list[Officer]:
    return [
        one
        for one in await people.officers_of(session, deed.office_id)
        if one.contact_id != officer.contact_id
        and plain(one.name) != plain(officer.name)
        and not await _is_involved(session, vault, one, deed)
    ]


async def _tell_first(
    session: AsyncSession, vault: Vault, draft: DeedPublication, second: Officer, page: str,
    now: datetime,
) -> None:  # fmt: skip
    """Whoever approved it hears that it is out."""
    first = await _officer_of(session, draft.approved_by)
    if first is not None and first.revoked_at is None:
        message = reply("exemplar-news-out", name=second.name).offering(
            link("exemplar-page-button", page)
        )
        key = f"deed-out:{draft.id}"
        await news.tell_each(session, vault, [first.contact_id], message, now, key)
