"""An invented office in a fictional province, to look at and to try: all of it is made up."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import (
    VIETNAM,
    Calendar,
    Counting,
    DayUnit,
    Window,
    add_working_days,
    end_of_day,
    load_calendar,
    local_day,
    window_end,
)
from bot.contacts import Stranger, lane, meet
from bot.media import FileStore
from bot.replies import UserError
from bot.vault import Vault
from handlers.consultations import illustrations, lifecycle, service
from handlers.consultations.papers.draft import candidate_key
from storage.models.base import new_id
from storage.models.consultations import (
    Candidate,
    CandidateDocument,
    CandidateKind,
    CaseMessage,
    Consultation,
    ConsultationState,
    IdentityLevel,
    Opinion,
    OpinionState,
    Publication,
    Stance,
)
from storage.models.office import Office, Officer, Role
from storage.models.traffic import StoredFile
from storage.models.units import Unit
from storage.seed import load_catalogue

POSTED_AT = time(8, 0)
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_ACTOR = "command"


async def load(session: AsyncSession, vault: Vault, store: FileStore, now: datetime) -> None:
    """One consultation open, one closing today, one closed with opinions, all relative to `now`.

    Raises UserError in a database that already has an office, and OutsideCoverage beyond the
    holiday table.
    """
    if await session.scalar(select(Office.id).limit(1)):
        raise UserError("command-demo-not-empty")
    await load_catalogue(session)
    told = _told()
    calendar = await load_calendar(session)
    office = _office(session, told)
    await session.flush()
    officer = await _officer(session, vault, office, told["officer"], now)
    scene = _Scene(session, vault, store, told, office, officer, now)
    await _open(scene, calendar)
    await _closing_today(scene, calendar)
    await _closed(scene, calendar)
    await session.flush()


@dataclass(frozen=True)
class _Scene:
    session: AsyncSession
    vault: Vault
    store: FileStore
    told: dict[str, Any]
    office: Office
    officer: Officer
    now: datetime

    @property
    def window(self) -> Window:
        told = self.told["window"]
        return Window(told["n"], DayUnit(told["unit"]), Counting(told["counting"]))


def _told() -> dict[str, Any]:
    text = (files("storage") / "catalogue" / "demo.json").read_text(encoding="utf-8")
    told: dict[str, Any] = json.loads(text)
    return told


def _office(session: AsyncSession, told: dict[str, Any]) -> Office:
    office = Office(id=new_id(), **told["office"])
    ids = {unit["code"]: new_id() for unit in told["units"]}
    session.add(office)
    for unit in told["units"]:
        row = Unit(id=ids[unit["code"]], office_id=office.id, code=unit["code"])
        row.name, row.kind = unit["name"], unit["kind"]
        row.parent_id = ids.get(unit.get("parent", ""))
        session.add(row)
    return office


async def _officer(
    session: AsyncSession, vault: Vault, office: Office, name: str, now: datetime
) -> Officer:
    """Who decided on the invented opinions: gone again, so that nobody acts in that name and
    what waits is told to real officers only. Behind the contact there is no channel."""
    joined = now - timedelta(days=90)
    address = lane(vault, "demo", "demo", name)
    met = await meet(session, vault, {address: Stranger("demo", "demo", name, "vi")}, joined)
    officer = Officer(
        id=new_id(), office_id=office.id, contact_id=met[address].id, role=Role.OFFICER,
        name=name, joined_at=joined, revoked_at=now,
    )  # fmt: skip
    session.add(officer)
    await session.flush()
    return officer


async def _open(scene: _Scene, calendar: Calendar) -> None:
    posted = _morning(add_working_days(calendar, local_day(scene.now), -3))
    announced = window_end(calendar, posted, scene.window)
    await _publish(scene, "open", posted, announced)


async def _closing_today(scene: _Scene, calendar: Calendar) -> None:
    """Announced to end today, and the rule's own end is no later, whatever day today is."""
    tonight = end_of_day(local_day(scene.now))
    day = local_day(scene.now)
    while window_end(calendar, _morning(day), scene.window) > tonight:
        day -= timedelta(days=1)
    await _publish(scene, "closing", _morning(day), tonight)


async def _closed(scene: _Scene, calendar: Calendar) -> None:
    posted = _morning(add_working_days(calendar, local_day(scene.now), -25))
    asked = await _publish(scene, "closed", posted, None)
    told = scene.told["closed"]
    for opinion in told["opinions"]:
        await _opinion(scene, asked, opinion, posted)
    await _matter(scene, asked, told["matter"], posted)
    assert asked.closes_at is not None
    closed = ConsultationState.CLOSED
    lifecycle.become(scene.session, asked, closed, "clock", asked.closes_at)


async def _publish(
    scene: _Scene, which: str, posted: datetime, announced: datetime | None
) -> Consultation:
    told = scene.told[which]
    year = posted.astimezone(VIETNAM).year
    asked = Consultation(
        id=new_id(), office_id=scene.office.id, code=told["code"].format(year=year),
        title=told["title"].format(year=year), layer="submitter", submission=told["submission"],
        legal_bases=scene.told["legal_bases"], days=scene.window.n,
        day_unit=scene.window.unit, counting=scene.window.counting,
        announced_ends_at=announced, notice_url="", state=ConsultationState.DRAFT,
        made_at=posted, keeps_late=which == "closed",
    )  # fmt: skip
    for number, candidate in enumerate(told["candidates"], start=1):
        asked.candidates.append(await _candidate(scene, number, candidate, posted))
    scene.session.add(asked)
    await scene.session.flush()
    await lifecycle.publish(scene.session, asked, _ACTOR, posted)
    media = scene.told["media"]
    for hours, medium in enumerate(media.values()):
        at = posted + timedelta(hours=hours)
        scene.session.add(
            Publication(id=new_id(), consultation_id=asked.id, medium=medium, at=at, url="")
        )
    return asked


async def _candidate(
    scene: _Scene, number: int, told: dict[str, Any], posted: datetime
) -> Candidate:
    picture, paper = await asyncio.to_thread(_papers, told, scene.told, scene.store)
    name = told["name"]
    portrait = _stored(scene, picture, "image/png", "image", f"{told['code']}.png", posted)
    title = f"{scene.told['document_title']} - {name}"[:200]
    document = _stored(scene, paper, _DOCX, "document", f"{title[:75]}.docx", posted)
    return Candidate(
        id=new_id(), number=number, kind=CandidateKind(told["kind"]), name=name,
        natural_key=candidate_key(told["code"], name, told["unit"], told["award"]),
        position=told["position"], unit=told["unit"], award_code=told["award"],
        summary=told["summary"], portrait_id=portrait.id,
        documents=[CandidateDocument(id=new_id(), title=title, file_id=document.id)],
    )  # fmt: skip


def _papers(
    told: dict[str, Any], all_told: dict[str, Any], store: FileStore
) -> tuple[_Kept, _Kept]:
    """Draws and writes what belongs to one candidate. Blocking."""
    return _keep(store, illustrations.draw(told["portrait"])), _keep(store, _paper(told, all_told))


@dataclass(frozen=True)
class _Kept:
    sha256: str
    size: int


def _keep(store: FileStore, content: bytes) -> _Kept:
    return _Kept(store.put(content), len(content))


def _paper(told: dict[str, Any], all_told: dict[str, Any]) -> bytes:
    # Imported here because python-docx is slow to load and only the demo and the report need it.
    import docx

    paper = docx.Document()
    paper.core_properties.title = all_told["document_title"]
    paper.core_properties.author = all_told["office"]["name"]
    paper.add_heading(all_told["document_title"], level=1)
    for line in (told["name"], told["position"], told["unit"]):
        if line:
            paper.add_paragraph(line)
    paper.add_paragraph(told["summary"])
    paper.add_paragraph().add_run(all_told["document_note"]).italic = True
    written = io.BytesIO()
    paper.save(written)
    return written.getvalue()


def _stored(
    scene: _Scene, kept: _Kept, mime: str, kind: str, name: str, at: datetime
) -> StoredFile:
    row = StoredFile(
        id=new_id(), sha256=kept.sha256, size=kept.size, mime=mime, kind=kind, name=name,
        public=True, taken_at=at,
    )  # fmt: skip
    scene.session.add(row)
    return row


async def _opinion(
    scene: _Scene, asked: Consultation, told: dict[str, Any], posted: datetime
) -> None:
    at = posted + timedelta(days=told["day"], hours=2)
    draft = service.Draft(
        asked.candidates[told["candidate"] - 1].id,
        Stance(told["stance"]),
        told["text"],
        identity=IdentityLevel(told["identity"]),
    )
    if "name" in told:
        person = service.new_person(scene.session, scene.vault, at)
        await scene.session.flush()
        named = {"telephone": told.get("telephone", ""), "postal_address": told.get("address", "")}
        service.seal_identity(scene.vault, person, name=told["name"], **named)
        draft.person_id = person.id
    author = service.Author(told["channel"], "vi")
    filed = await service.give_opinion(scene.session, scene.vault, draft, author, at)
    await _decide(scene, filed.opinion, told, at + timedelta(days=1))


async def _decide(scene: _Scene, opinion: Opinion, told: dict[str, Any], at: datetime) -> None:
    for from_office, key in ((True, "question"), (False, "answer")):
        if key in told:
            message = CaseMessage(id=new_id(), opinion_id=opinion.id, text=told[key])
            message.from_office, message.at = from_office, at + timedelta(hours=not from_office)
            scene.session.add(message)
    state = OpinionState(told["decision"])
    if state == OpinionState.WITHDRAWN:
        await scene.session.refresh(opinion, ["consultation"])
        await service.withdraw(scene.session, opinion, at)
    elif state != OpinionState.FILED:
        opinion.state, opinion.reason = state, told.get("reason", "")
        opinion.decided_by, opinion.decided_at = scene.officer.id, at
        if "handling" in told:
            opinion.handling = told["handling"]
            opinion.handled_by, opinion.handled_at = scene.officer.id, at + timedelta(days=1)
        actor = f"officer:{scene.officer.id}"
        acts.note(scene.session, at, actor, f"make {state}", "opinion", opinion.id)


async def _matter(
    scene: _Scene, asked: Consultation, told: dict[str, Any], posted: datetime
) -> None:
    draft = service.Draft(asked.candidates[told["candidate"] - 1].id, Stance.INFORM, told["text"])
    author = service.Author(told["channel"], "vi")
    at = posted + timedelta(days=told["day"])
    await service.hand_over_matter(scene.session, scene.vault, draft, author, at)


def _morning(day: date) -> datetime:
    return datetime.combine(day, POSTED_AT, VIETNAM)
