"""Whom a step speaks to: the people of units and of the office, and how each is reached now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.clock import QuietHours, quiet_hours
from storage.models.deadlines import Audience
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.reminders import NOBODY, ReminderState
from storage.models.units import (
    ClusterSeat,
    Member,
    MemberAddress,
    MemberRank,
    SeatRank,
    Unit,
    UnitKind,
)

MOST_NAMED = 5_000
"""Units asked for by name in one statement; for more of them everybody is read."""
FOCAL_FIRST = (MemberRank.FOCAL, MemberRank.DEPUTY, MemberRank.HEAD)
HEAD_FIRST = (MemberRank.HEAD, MemberRank.DEPUTY, MemberRank.FOCAL)


@dataclass(frozen=True)
class Chat:
    contact_id: int
    quiet: QuietHours


@dataclass
class Person:
    """A member of a unit or an officer."""

    id: str
    rank: MemberRank | None
    chats: list[Chat] = field(default_factory=list)
    """Where they can be reached, in the order in which it is tried."""
    addresses: int = 0
    """How many they have, the dead ones too."""
    opted_out: bool = False


@dataclass(frozen=True)
class Chosen:
    """A recipient, or why there is none: then `chat` is None and `state` says what that comes to.

    `reason` is a code of the ledger.
    """

    recipient: str
    chat: Chat | None
    state: ReminderState = ReminderState.PLANNED
    reason: str = ""


@dataclass(frozen=True)
class Seat:
    """What the choice depends on beside the unit."""

    to: Audience
    office_id: str
    year: int
    mandatory: bool


class Directory:
    """Everybody who may have to be told, as they stood when it was read."""

    def __init__(self) -> None:
        self.members: dict[str, list[Person]] = defaultdict(list)
        self.officers: dict[str, list[Person]] = defaultdict(list)
        self.of_office: set[str] = set()
        """The units that stand for an office."""
        self.heads: dict[tuple[str, int], list[str]] = defaultdict(list)
        """(unit, year) → the units that head its clusters."""
        self._chosen: dict[tuple[str, Seat], Sequence[Chosen]] = {}

    def choose(self, unit_id: str, seat: Seat) -> Sequence[Chosen]:
        """One or more; never empty."""
        found = self._chosen.get((unit_id, seat))
        if found is None:
            found = self._chosen[unit_id, seat] = self._choose(unit_id, seat)
        return found

    def _choose(self, unit_id: str, seat: Seat) -> Sequence[Chosen]:
        if seat.to == Audience.OFFICE or unit_id in self.of_office:
            return self._office(seat.office_id)
        if seat.to == Audience.CLUSTER and not self.heads.get((unit_id, seat.year)):
            return [Chosen(NOBODY, None, ReminderState.SKIPPED, "no_cluster")]
        found = [self._first(queue) for queue in self.queues(unit_id, seat)]
        if seat.mandatory and any(one.reason == "opted_out" for one in found):
            spared = [one for one in found if one.reason != "opted_out"]
            return spared + self._office(seat.office_id, "reaches_office")
        return list({one.recipient: one for one in found}.values())

    def queues(self, unit_id: str, seat: Seat) -> list[list[Person]]:
        """Of each unit that is spoken to, its people in the order in which they are tried."""
        if seat.to == Audience.CLUSTER:
            heads = self.heads.get((unit_id, seat.year), [])
            return [_ranked(self.members.get(head, []), FOCAL_FIRST) for head in heads]
        order = HEAD_FIRST if seat.to == Audience.HEAD else FOCAL_FIRST
        return [_ranked(self.members.get(unit_id, []), order)]

    def _first(self, queue: Sequence[Person]) -> Chosen:
        for person in queue:
            if person.chats and not person.opted_out:
                return Chosen(person.id, person.chats[0])
        if any(person.opted_out for person in queue):
            return Chosen(NOBODY, None, ReminderState.SKIPPED, "opted_out")
        reason = "unreachable" if any(person.addresses for person in queue) else "no_contact"
        return Chosen(NOBODY, None, ReminderState.FAILED, reason)

    def _office(self, office_id: str, reason: str = "") -> list[Chosen]:
        """Every officer who can be told; what nobody can be told stands in the ledger too."""
        officers = self.officers.get(office_id, [])
        told = [
            Chosen(one.id, one.chats[0], reason=reason)
            for one in officers
            if one.chats and not one.opted_out
        ]
        return told or [self._first(officers)]


async def load(
    session: AsyncSession, years: Collection[int] = (), units: Collection[str] | None = None
) -> Directory:
    """`years`: of the clusters whose heads are asked for. `units`: only theirs; None for all."""
    named = units if units is not None and len(units) <= MOST_NAMED else None
    directory = Directory()
    if years:
        await _load_heads(session, directory, years, named)
    if named is not None:
        named = {*named, *(head for heads in directory.heads.values() for head in heads)}
    await _load_members(session, directory, named)
    await _load_officers(session, directory)
    offices = select(Unit.id).where(Unit.kind == UnitKind.OFFICE)
    directory.of_office = set(await session.scalars(offices))
    return directory


async def _load_heads(
    session: AsyncSession,
    directory: Directory,
    years: Collection[int],
    named: Collection[str] | None,
) -> None:
    """The head of each cluster; its deputy for the head's own delays."""
    theirs = aliased(ClusterSeat)
    found = (
        select(ClusterSeat.unit_id, ClusterSeat.year, ClusterSeat.cluster_id, theirs.unit_id)
        .join(
            theirs,
            and_(theirs.cluster_id == ClusterSeat.cluster_id, theirs.year == ClusterSeat.year),
        )
        .where(
            ClusterSeat.year.in_(years),
            theirs.rank.in_((SeatRank.HEAD, SeatRank.DEPUTY)),
            theirs.unit_id != ClusterSeat.unit_id,
        )
        .order_by(ClusterSeat.cluster_id, theirs.rank == SeatRank.DEPUTY)
    )
    if named is not None:
        found = found.where(ClusterSeat.unit_id.in_(named))
    seen = set()
    for unit_id, year, cluster_id, head_id in await session.execute(found):
        if (unit_id, year, cluster_id) not in seen:
            seen.add((unit_id, year, cluster_id))
            directory.heads[unit_id, year].append(head_id)


async def _load_members(
    session: AsyncSession, directory: Directory, named: Collection[str] | None
) -> None:
    found = (
        select(Member.unit_id, Member.id, Member.rank, *_CHAT, _reachable().label("reachable"))
        .join(Unit, Unit.id == Member.unit_id)
        .outerjoin(MemberAddress, MemberAddress.member_id == Member.id)
        .outerjoin(Contact, Contact.id == MemberAddress.contact_id)
        .where(Member.left_at.is_(None), Unit.closed_at.is_(None))
        .order_by(Member.joined_at, Member.id, MemberAddress.added_at, MemberAddress.contact_id)
    )
    if named is not None:
        found = found.where(Member.unit_id.in_(named))
    people: dict[str, Person] = {}
    for row in await session.execute(found):
        person = people.get(row.id)
        if person is None:
            person = people[row.id] = Person(row.id, row.rank)
            directory.members[row.unit_id].append(person)
        _add_chat(person, row)


def _reachable() -> Any:
    """A dead address lives again from when its person writes."""
    return ~Contact.blocked & or_(
        MemberAddress.unreachable_at.is_(None), Contact.seen_at > MemberAddress.unreachable_at
    )


async def _load_officers(session: AsyncSession, directory: Directory) -> None:
    found = (
        select(Officer.office_id, Officer.id, *_CHAT, (~Contact.blocked).label("reachable"))
        .join(Contact, Contact.id == Officer.contact_id)
        .where(Officer.revoked_at.is_(None), Officer.role == Role.OFFICER)
        .order_by(Officer.joined_at, Officer.id)
    )
    for row in await session.execute(found):
        person = Person(row.id, None)
        directory.officers[row.office_id].append(person)
        _add_chat(person, row)


_CHAT = (
    Contact.id.label("contact_id"), Contact.opted_out_at.is_not(None).label("opted_out"),
    Contact.quiet_from, Contact.quiet_until,
)  # fmt: skip


def _add_chat(person: Person, row: Any) -> None:
    if row.contact_id is None:
        return
    person.addresses += 1
    person.opted_out = person.opted_out or bool(row.opted_out)
    if row.reachable:
        person.chats.append(Chat(row.contact_id, quiet_hours(row.quiet_from, row.quiet_until)))


def _ranked(people: Iterable[Person], order: Sequence[MemberRank]) -> list[Person]:
    """Among equals, whoever has been there longest."""
    return sorted(people, key=lambda one: order.index(MemberRank(one.rank or order[-1])))
