"""Forty invented deeds in every stage, with drawn pictures: nobody's, and plainly nobody's.

Each goes through the gate (`stages.become`) with what its state rests on: a check that its unit
answered, a mentor, a summary, a consent with who recorded it, two approvals of two officers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Calendar, add_working_days, end_of_day, load_calendar, local_day
from bot.contacts import Stranger, lane, meet
from bot.media import FileStore
from bot.vault import Vault
from handlers.deeds import checking, publication, service, stages
from handlers.deeds.forms import Told
from handlers.deeds.service import Author
from storage.models.base import new_id
from storage.models.deadlines import Deadline, Duty, Work
from storage.models.deeds import (
    CheckAnswer,
    Deed,
    DeedCheck,
    DeedFile,
    DeedMilestone,
    DeedNurture,
    DeedPublication,
    DeedState,
    DeedSummary,
    Known,
    Relation,
)
from storage.models.office import Office, Officer, Role
from storage.models.people import Person
from storage.models.traffic import StoredFile
from storage.models.units import Member, MemberRank, Unit

HERE = Path(__file__).resolve().parent
PIXELS_PER_INCH = 200
DAY = timedelta(days=1)
_S = DeedState
_CONFIRMED = (_S.CHECKING, _S.CONFIRMED)
_SUMMED = (*_CONFIRMED, _S.NURTURED, _S.SUMMARISED)
WAYS: dict[str, tuple[DeedState, ...]] = {
    "received": (), "checking": (_S.CHECKING,), "confirmed": _CONFIRMED,
    "not_confirmed": (_S.CHECKING, _S.NOT_CONFIRMED),
    "uncheckable": (_S.CHECKING, _S.UNCHECKABLE), "nurtured": (*_CONFIRMED, _S.NURTURED),
    "summarised": _SUMMED, "proposed": (*_SUMMED, _S.PROPOSED),
    "published": (*_SUMMED, _S.PUBLISHED),
    "unpublished": (*_SUMMED, _S.PUBLISHED, _S.UNPUBLISHED), "rejected": (_S.REJECTED,),
}  # fmt: skip
"""How each came to where it stands."""
_ANSWERS = {
    _S.CONFIRMED: CheckAnswer.CONFIRMED, _S.NOT_CONFIRMED: CheckAnswer.NOT_SO,
    _S.UNCHECKABLE: CheckAnswer.CANNOT,
}  # fmt: skip


@dataclass
class _Scene:
    session: AsyncSession
    vault: Vault
    now: datetime
    calendar: Calendar
    told: dict[str, Any]
    units: dict[str, Unit] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    """Unit → who answers for it here; some have nobody."""
    duties: dict[str, str] = field(default_factory=dict)
    """Unit → its registration, by which somebody is proposed."""
    officers: list[Officer] = field(default_factory=list)

    def actor(self, number: int = 0) -> str:
        return f"officer:{self.officers[number].id}"

    def clerk(self, unit: Unit) -> str:
        member = self.members.get(unit.id)
        return f"member:{member.id}" if member else self.actor()


async def load(session: AsyncSession, vault: Vault, store: FileStore, now: datetime) -> None:
    """Into the demo office, once `handlers.deadlines.demo` made its units.

    Nobody is written to: behind no contact here is a channel, and no notice is made.
    """
    text = (files("storage") / "catalogue" / "demo_deeds.json").read_text(encoding="utf-8")
    scene = _Scene(session, vault, now, await load_calendar(session), json.loads(text))
    await _meet(scene)
    drawn = await asyncio.to_thread(_draw, store, [one["picture"] for one in scene.told["deeds"]])
    told = scene.told["deeds"]
    deeds = [await _tell(scene, one, *kept) for one, kept in zip(told, drawn, strict=True)]
    # Only now, so that no rescue is told to somebody who does not exist.
    await _officers(scene)
    for one, deed in zip(told, deeds, strict=True):
        await _pass(scene, one, deed)
    for officer in scene.officers:
        officer.revoked_at = now
    await session.flush()


async def _meet(scene: _Scene) -> None:
    session = scene.session
    scene.units = {one.code: one for one in await session.scalars(select(Unit))}
    focal = select(Member).where(Member.rank == MemberRank.FOCAL)
    scene.members = {one.unit_id: one for one in await session.scalars(focal)}
    owed = await session.execute(
        select(Duty.unit_id, Duty.id)
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(Deadline.work.in_((Work.REGISTRATION, Work.DOSSIER)))
        .order_by(Deadline.due_at)
    )
    scene.duties = dict(owed.all())


async def _officers(scene: _Scene) -> None:
    """Two, gone again at the end, as the one who decided on the opinions."""
    office = (await scene.session.scalars(select(Office))).one()
    joined = scene.now - 90 * DAY
    for name in scene.told["officers"]:
        address = lane(scene.vault, "demo", "demo", name)
        stranger = {address: Stranger("demo", "demo", name, "vi")}
        met = await meet(scene.session, scene.vault, stranger, joined)
        scene.officers.append(
            Officer(
                id=new_id(), office_id=office.id, contact_id=met[address].id,
                role=Role.OFFICER, name=name, joined_at=joined,
            )
        )  # fmt: skip
    scene.session.add_all(scene.officers)
    await scene.session.flush()


# Drawn, told


def _draw(store: FileStore, pictures: Sequence[dict[str, str]]) -> list[tuple[str, int]]:
    """(SHA-256, bytes) of each. Blocking: some 15 ms a picture; it carries nothing to clean."""
    # There is not a word in them: looking for fonts would take longer than drawing.
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False)
    found = []
    for one in pictures:
        content = typst.compile(
            HERE / "demo_scenes.typ", format="png", ppi=PIXELS_PER_INCH, root=HERE,
            font_paths=fonts, sys_inputs=one,
        )  # fmt: skip
        assert isinstance(content, bytes)
        found.append((store.put(content), len(content)))
    return found


async def _tell(scene: _Scene, one: dict[str, Any], sha256: str, size: int) -> Deed:
    at = scene.now - one["days"] * DAY - timedelta(hours=2)
    unit = scene.units[one["unit"]]
    picture = StoredFile(
        id=new_id(), sha256=sha256, size=size, mime="image/png", kind="image",
        name=scene.told["file"], taken_at=at,
    )  # fmt: skip
    scene.session.add(picture)
    await scene.session.flush()
    told = Told(
        kind=one["kind"], name=one["name"], place=scene.told["place"].format(unit=unit.name),
        what=one["what"], outcome=one["outcome"], field_code=one["field"], groups=one["groups"],
        happened_on=(local_day(at) - DAY).isoformat(), files=[picture.id],
        relation=one.get("relation", Relation.SAW), child=one.get("child", Known.NO),
    )  # fmt: skip
    filed = await service.report(
        scene.session, scene.vault, told, Author("webchat", "vi", new_id()), at
    )
    if "second" in one:
        more = Told(kind=one["kind"], name=one["name"], what=one["second"])
        author = Author("webchat", "vi", new_id())
        await service.report(
            scene.session, scene.vault, more, author, at + DAY / 4, joins=filed.deed.id
        )
    filed.deed.movement_code = one.get("movement")
    return filed.deed


# From stage to stage


async def _pass(scene: _Scene, one: dict[str, Any], deed: Deed) -> None:
    """The steps lie evenly between the day it was told and today."""
    way, unit = WAYS[one["state"]], scene.units[one["unit"]]
    step = (scene.now - deed.made_at) / (len(way) + 1)
    for number, state in enumerate(way, 1):
        at = deed.made_at + number * step
        actor, reason = scene.actor(), ""
        match state:
            case _S.CHECKING:
                await _ask(scene, deed, unit, at)
            case _S.CONFIRMED | _S.NOT_CONFIRMED | _S.UNCHECKABLE:
                actor = scene.clerk(unit)
                reason = await _answer(scene, one, deed, state, actor, at)
            case _S.NURTURED:
                await _nurture(scene, one, deed, unit, at)
            case _S.SUMMARISED:
                actor = scene.clerk(unit)
                await _sum_up(scene, one, deed, unit, actor, at)
            case _S.PUBLISHED:
                await _publish(scene, one, deed, at, step)
            case _S.UNPUBLISHED:
                reason = await _take_down(scene, one, deed, at)
            case _S.REJECTED:
                reason = one["reason"]
        await stages.become(scene.session, deed, state, actor, at, reason=reason)


async def _ask(scene: _Scene, deed: Deed, unit: Unit, at: datetime) -> None:
    last_day = add_working_days(scene.calendar, local_day(at), checking.USUAL_DAYS)
    deed.unit_id = unit.id
    scene.session.add(
        DeedCheck(
            id=new_id(), deed_id=deed.id, unit_id=unit.id, asked_by=scene.actor(), asked_at=at,
            working_days=checking.USUAL_DAYS, due_at=end_of_day(last_day),
        )
    )  # fmt: skip
    await scene.session.flush()


async def _answer(
    scene: _Scene, one: dict[str, Any], deed: Deed, state: DeedState, actor: str, at: datetime
) -> str:
    check = await stages.open_check(scene.session, deed)
    assert check is not None
    check.answer, check.answered_by, check.answered_at = _ANSWERS[state], actor, at
    words = one.get("reason", "") if state is not _S.CONFIRMED else scene.told["note"]
    check.reason = await _sealed(scene, deed, words, f"deed_checks.reason:{check.id}")
    await scene.session.flush()
    return f"{service.CHECK}{check.id}"


async def _nurture(
    scene: _Scene, one: dict[str, Any], deed: Deed, unit: Unit, at: datetime
) -> None:
    row = DeedNurture(deed_id=deed.id, unit_id=unit.id, began_at=at)
    member = scene.members.get(unit.id)
    if "mentor" in one:
        place = f"deed_nurtures.mentor:{deed.id}"
        row.mentor = await _sealed(scene, deed, one["mentor"], place)
    elif member is not None:
        row.mentor_member_id = member.id
    scene.session.add(row)
    await scene.session.flush()
    for number, what in enumerate(scene.told["milestones"]):
        due = at + (number + 1) * 10 * DAY
        reached = due if due < scene.now else None
        milestone = DeedMilestone(
            id=new_id(), deed_id=deed.id, due_on=local_day(due), reached_at=reached, made_at=at
        )
        said = {"what": what, "notes": scene.told["note"] if reached else ""}
        place = f"deed_milestones.words:{milestone.id}"
        milestone.words = await _sealed(scene, deed, json.dumps(said, ensure_ascii=False), place)
        scene.session.add(milestone)


async def _sum_up(
    scene: _Scene, one: dict[str, Any], deed: Deed, unit: Unit, actor: str, at: datetime
) -> None:
    words = scene.told["summary"].format(what=one["what"], outcome=one["outcome"])
    nurture = await scene.session.get_one(DeedNurture, deed.id)
    nurture.ended_at = at
    award = one.get("award")
    scene.session.add(
        DeedSummary(
            deed_id=deed.id, award_code=award, written_by=actor, written_at=at,
            duty_id=scene.duties.get(unit.id) if award else None,
            words=await _sealed(scene, deed, words, f"deed_summaries.words:{deed.id}"),
        )
    )  # fmt: skip
    await scene.session.flush()


async def _publish(
    scene: _Scene, one: dict[str, Any], deed: Deed, at: datetime, step: timedelta
) -> None:
    """Consent recorded before the text, the text before the first approval, then the second."""
    deed.consent, deed.consent_rests_on = Known.YES, scene.told["consent"]
    deed.consent_at, deed.is_child = at - step / 2, Known.NO
    photos = []
    for file in await scene.session.scalars(select(DeedFile).where(DeedFile.deed_id == deed.id)):
        file.chosen_at = at - step / 3
        photos.append(file.file_id)
    first, second = scene.actor(0), scene.actor(1)
    text = DeedPublication(
        id=new_id(), deed_id=deed.id, version=1, title=one["title"], lead=one["outcome"],
        text=one["text"], quote=one["what"], photos=photos, written_by=first,
        written_at=at - step / 3, approved_by=first, approved_at=at - step / 4,
        confirmed_by=second, confirmed_at=at, published_at=at,
    )  # fmt: skip
    scene.session.add(text)
    await publication.seal_what_is_clear(scene.session, scene.vault, deed, text)
    await publication.show(scene.session, deed, at)
    await scene.session.flush()


async def _take_down(scene: _Scene, one: dict[str, Any], deed: Deed, at: datetime) -> str:
    text = await stages.newest_publication(scene.session, deed)
    assert text is not None
    text.ended_at, text.ended_because = at, one["reason"]
    await publication.hide(scene.session, scene.vault, deed, text)
    return str(one["reason"])


async def _sealed(scene: _Scene, deed: Deed, words: str, place: str) -> bytes:
    """With the key of the praised."""
    subject = await scene.session.get_one(Person, deed.subject_id)
    assert subject.wrapped_key is not None
    return scene.vault.seal(subject.wrapped_key, words, place)
