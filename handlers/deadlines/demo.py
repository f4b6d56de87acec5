"""Sixty invented units in five clusters, with a year under way: overdue, done and coming."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import pictures
from bot.clock import Calendar, add_working_days, end_of_day, load_calendar, local_day
from bot.contacts import Stranger, lane, meet
from bot.media import FileStore, take_in
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.people import Post
from handlers.deadlines.registration import service
from handlers.deadlines.registration.forms import Answers, Individuals
from handlers.deadlines.registration.service import Owing
from handlers.deadlines.reminders.ladder import DEFAULT_LADDER
from handlers.deadlines.units import invitations
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.office import Office, Officer
from storage.models.traffic import StoredFile
from storage.models.units import Cluster, ClusterSeat, Member, MemberAddress, MemberRank, Unit

DAY = timedelta(days=1)


@dataclass
class _Scene:
    session: AsyncSession
    vault: Vault
    office: Office
    officer: Officer
    calendar: Calendar
    now: datetime
    told: dict[str, Any]
    signed: str
    """The file that stands for every signed compact."""
    units: list[Unit] = field(default_factory=list)
    posts: dict[str, Post] = field(default_factory=dict)
    """Unit → its focal person; some units have none."""


async def load(session: AsyncSession, vault: Vault, store: FileStore, now: datetime) -> None:
    """Into the demo office that `handlers.consultations.demo` made. Raises OutsideCoverage."""
    office = (await session.scalars(select(Office))).one()
    officer = (await session.scalars(select(Officer))).first()
    assert officer is not None
    told, calendar = _told(), await load_calendar(session)
    signed = await _signed_page(session, store, told["signed"], now)
    scene = _Scene(session, vault, office, officer, calendar, now, told, signed)
    await _units(scene, told["units"])
    await _clusters(scene)
    await _people(scene)
    for number, one in enumerate(told["dates"]):
        await _deadline(scene, one, number)
    await session.flush()


async def newcomer(
    session: AsyncSession, vault: Vault, links: str, now: datetime
) -> tuple[str, str]:
    """A unit that heads a cluster, and a single-use link to answer for it."""
    told = _told()["newcomer"]
    unit = (await session.scalars(select(Unit).where(Unit.code == told["unit"]))).one()
    rank, name = MemberRank.FOCAL, told["name"]
    code = await invitations.invite(session, vault, unit, rank, name, "command", now)
    return unit.name, invitations.ways(links, "", code).web


async def _signed_page(
    session: AsyncSession, store: FileStore, told: dict[str, Any], now: datetime
) -> str:
    drawn = pictures.table("vi", told["title"], told["columns"], told["rows"])
    content = await asyncio.to_thread(pictures.png, drawn)
    taken = await take_in(content, "giao-uoc.png", store)
    row = StoredFile(
        id=new_id(), sha256=taken.sha256, original_sha256=taken.original_sha256, size=taken.size,
        mime=taken.mime, kind=taken.kind, name=taken.name, taken_at=now,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row.id


def _told() -> dict[str, Any]:
    text = (files("storage") / "catalogue" / "demo_units.json").read_text(encoding="utf-8")
    told: dict[str, Any] = json.loads(text)
    return told


async def _units(scene: _Scene, rows: Sequence[dict[str, str]]) -> None:
    """Some are there already: the consultations name them."""
    known = {unit.code: unit for unit in await scene.session.scalars(select(Unit))}
    for row in rows:
        unit = known.get(row["code"])
        if unit is None:
            unit = Unit(id=new_id(), office_id=scene.office.id, code=row["code"])
            unit.name = row["name"]
            scene.session.add(unit)
            known[unit.code] = unit
        unit.kind = row["kind"]
        parent = known.get(row.get("parent", ""))
        unit.parent_id = parent.id if parent else None
        scene.units.append(unit)
    await scene.session.flush()


async def _clusters(scene: _Scene) -> None:
    ids = {}
    for row in scene.told["clusters"]:
        ids[row["code"]] = new_id()
        scene.session.add(Cluster(id=ids[row["code"]], office_id=scene.office.id, **row))
    await scene.session.flush()
    this_year = local_day(scene.now).year
    for unit, row in zip(scene.units, scene.told["units"], strict=True):
        for year in (this_year, this_year + 1):
            seat = ClusterSeat(cluster_id=ids[row["cluster"]], unit_id=unit.id, year=year)
            seat.rank = row.get("rank", "member")
            scene.session.add(seat)


async def _people(scene: _Scene) -> None:
    """A focal person for most units, a head for some; all invented, none at the other end."""
    for number, unit in enumerate(scene.units):
        if number % 20 != 19:
            scene.posts[unit.id] = Post(unit, await _member(scene, unit, MemberRank.FOCAL, number))
        if number % 3 == 0:
            await _member(scene, unit, MemberRank.HEAD, number + 60)


async def _member(scene: _Scene, unit: Unit, rank: MemberRank, number: int) -> Member:
    parts = zip(scene.told["names"], (3, 1, 7), strict=True)
    name = " ".join(words[number * step % len(words)] for words, step in parts)
    joined_at = scene.now - 90 * DAY
    member = Member(id=new_id(), unit_id=unit.id, rank=rank, name=name, joined_at=joined_at)
    stranger = Stranger("webchat", "web", new_id(), "vi")
    hashed = lane(scene.vault, stranger.channel, stranger.account, stranger.address)
    met = await meet(scene.session, scene.vault, {hashed: stranger}, joined_at)
    scene.session.add(member)
    await scene.session.flush()
    scene.session.add(
        MemberAddress(member_id=member.id, contact_id=met[hashed].id, added_at=joined_at)
    )
    return member


async def _deadline(scene: _Scene, told: dict[str, Any], number: int) -> None:
    """`told["days"]`: working days from today to its last day; negative ones are past."""
    last = add_working_days(scene.calendar, local_day(scene.now), told["days"])
    deadline = Deadline(
        id=new_id(), office_id=scene.office.id, code=told["code"].format(year=last.year),
        year=last.year, title=told["title"].format(year=last.year), work=Work(told["work"]),
        due_at=end_of_day(last), for_kinds=told.get("kinds", []),
        checklist=told.get("checklist", []), ladder=list(DEFAULT_LADDER),
        mandatory=told.get("mandatory", False), basis=scene.told["basis"],
    )  # fmt: skip
    scene.session.add(deadline)
    if told.get("drafted"):
        return
    deadline.state = DeadlineState.ARMED
    # The truth, which `why` tells: nobody was reminded before there was a demo.
    deadline.armed_at = deadline.planned_until = scene.now
    await scene.session.flush()
    await duties.ensure(scene.session, deadline, scene.now - 60 * DAY)
    owed = await scene.session.scalars(select(Duty).where(Duty.deadline_id == deadline.id))
    by_unit = {duty.unit_id: duty for duty in owed}
    for turn, unit in enumerate(unit for unit in scene.units if unit.id in by_unit):
        state = told["states"][(turn + 3 * number) % len(told["states"])]
        await _come_to(scene, deadline, by_unit[unit.id], DutyState(state), turn)


async def _come_to(
    scene: _Scene, deadline: Deadline, duty: Duty, state: DutyState, turn: int
) -> None:
    """By the ways that are open to real people, at moments in the past."""
    post = scene.posts.get(duty.unit_id)
    if post is None or state is DutyState.NOT_STARTED:
        return
    at = min(deadline.due_at, scene.now) - (1 + turn % 6) * DAY
    owing = Owing(post, deadline, duty)
    if state is DutyState.NOT_APPLICABLE:
        await service.not_applicable(scene.session, owing, scene.told["not_ours"], at)
        return
    await service.begin(scene.session, owing, at - DAY)
    if state is DutyState.IN_PROGRESS:
        return
    answers = _answers(scene, deadline, turn)
    await service.submit(scene.session, scene.vault, owing, answers, "webchat", at, 0)
    if state in (DutyState.ACCEPTED, DutyState.RETURNED):
        reason = scene.told["returned"] if state is DutyState.RETURNED else ""
        officer = f"officer:{scene.officer.id}"
        await duties.become(scene.session, duty, state, officer, at + DAY / 2, reason)


def _answers(scene: _Scene, deadline: Deadline, turn: int) -> Answers:
    match deadline.work:
        case Work.REGISTRATION:
            return Answers(
                collective=["TTLDXS" if turn % 2 else "TTLDTT"],
                individual={
                    "LDTT": Individuals(8 + turn % 7),
                    "CSTDCS": Individuals(1 + turn % 3),
                },
                targets=dict([list(scene.told["targets"].items())[turn % 3]]),
            )
        case Work.DOSSIER:
            return Answers(papers=list(deadline.checklist))
        case Work.REPORT:
            return Answers(words=scene.told["report"])
        case _:
            return Answers(files=[scene.signed])
