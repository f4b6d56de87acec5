"""An invented office for the tests of reminders: units, their people and chats, deadlines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, end_of_day
from handlers.deadlines import duties
from handlers.deadlines.reminders.ladder import DEFAULT_LADDER
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.office import Office, Officer, Role
from storage.models.people import Contact, Person
from storage.models.reminders import Reminder
from storage.models.units import (
    Cluster,
    ClusterKind,
    ClusterSeat,
    Member,
    MemberAddress,
    MemberRank,
    SeatRank,
    Unit,
    UnitKind,
)

MADE = datetime(2026, 1, 5, 2, tzinfo=UTC)
TELEGRAM = ("telegram", "111")
WEBCHAT = ("webchat", "web")


def at(day: str, hour: int = 8, minute: int = 0) -> datetime:
    """A moment on a Vietnamese clock, as the instant the program keeps."""
    return datetime.combine(date.fromisoformat(day), time(hour, minute), VIETNAM).astimezone(UTC)


@dataclass
class Ground:
    """`await Ground(session).office()` first; then whatever the test needs."""

    session: AsyncSession
    office_id: str = ""
    armed_at: datetime = MADE
    """When the deadlines made here were armed: nothing from before is planned."""
    contacts: int = 0
    by_code: dict[str, str] = field(default_factory=dict)
    """Code of a unit → its id."""

    async def office(self) -> Ground:
        self.office_id = new_id()
        self.session.add(Office(id=self.office_id, code="AH", name="Phòng Thi đua", addresses=[]))
        await self.session.flush()
        return self

    async def chat(self, where: tuple[str, str] = TELEGRAM, **given: Any) -> int:
        """A contact of nobody in particular; `given` are columns of Contact."""
        self.contacts += 1
        person = Person(id=new_id(), made_at=MADE)
        self.session.add(person)
        await self.session.flush()
        columns = {
            "id": self.contacts, "channel": where[0], "account": where[1], "locale": "vi",
            "address_hash": self.contacts.to_bytes(32), "person_id": person.id, "made_at": MADE,
            "seen_at": MADE,
        }  # fmt: skip
        contact = Contact(**{**columns, **given})
        self.session.add(contact)
        await self.session.flush()
        return contact.id

    async def officer(self, name: str = "Cán bộ Hoa", **given: Any) -> str:
        officer = Officer(
            id=new_id(), office_id=self.office_id, contact_id=await self.chat(**given),
            role=Role.OFFICER, name=name, joined_at=MADE,
        )  # fmt: skip
        self.session.add(officer)
        await self.session.flush()
        return officer.id

    async def unit(self, code: str, kind: str = UnitKind.COMMUNE) -> str:
        self.by_code[code] = new_id()
        self.session.add(
            Unit(
                id=self.by_code[code], office_id=self.office_id, code=code, name=f"Xã {code}",
                kind=kind,
            )
        )  # fmt: skip
        await self.session.flush()
        return self.by_code[code]

    async def member(
        self,
        unit: str,
        rank: MemberRank = MemberRank.FOCAL,
        *,
        chats: Sequence[tuple[str, str]] = (TELEGRAM,),
        **given: Any,
    ) -> str:
        """`chats`, in the order in which they are tried; `given` are columns of each Contact."""
        member = Member(
            id=new_id(), unit_id=self.by_code[unit], rank=rank, name=f"{rank} {unit}",
            joined_at=MADE,
        )  # fmt: skip
        self.session.add(member)
        await self.session.flush()
        for number, where in enumerate(chats):
            self.session.add(
                MemberAddress(
                    member_id=member.id, contact_id=await self.chat(where, **given),
                    added_at=MADE + timedelta(number),
                )
            )  # fmt: skip
        await self.session.flush()
        return member.id

    async def cluster(self, code: str, year: int, *units: str) -> None:
        """The first unit is its head, the second its deputy."""
        cluster = Cluster(
            id=new_id(), office_id=self.office_id, code=code, name=f"Cụm {code}",
            kind=ClusterKind.CLUSTER,
        )  # fmt: skip
        self.session.add(cluster)
        await self.session.flush()
        ranks = [SeatRank.HEAD, SeatRank.DEPUTY]
        for number, unit in enumerate(units):
            rank = ranks[number] if number < len(ranks) else SeatRank.MEMBER
            self.session.add(
                ClusterSeat(
                    cluster_id=cluster.id, unit_id=self.by_code[unit], year=year, rank=rank
                )
            )
        await self.session.flush()

    async def deadline(self, code: str, last_day: str, **given: Any) -> Deadline:
        """Armed, with the default ladder, owed by every unit."""
        columns = {
            "id": new_id(), "office_id": self.office_id, "code": code, "year": 2027,
            "title": f"Nộp hồ sơ {code}", "work": Work.REGISTRATION,
            "due_at": end_of_day(date.fromisoformat(last_day)), "ladder": DEFAULT_LADDER,
            "state": DeadlineState.ARMED, "armed_at": self.armed_at,
        }  # fmt: skip
        deadline = Deadline(**{**columns, **given})
        self.session.add(deadline)
        await self.session.flush()
        await duties.ensure(self.session, deadline, MADE)
        return deadline

    async def duty(self, unit: str, deadline: Deadline) -> Duty:
        found = await self.session.scalars(
            select(Duty).where(Duty.unit_id == self.by_code[unit], Duty.deadline_id == deadline.id)
        )
        return found.one()

    async def ledger(self, *columns: Any) -> list[tuple[Any, ...]]:
        """The rows of the ledger, in the order in which they were written."""
        wanted = columns or (Reminder.step, Reminder.state, Reminder.reason)
        found = await self.session.execute(select(*wanted).order_by(Reminder.id))
        return [tuple(row) for row in found]


# Many at once


async def insert_many(
    session: AsyncSession, model: type[Any], rows: Iterable[dict[str, Any]]
) -> None:
    given = list(rows)
    for start in range(0, len(given), 5_000):
        await session.execute(insert(model.__table__), given[start : start + 5_000])


async def many_units(
    session: AsyncSession, office_id: str, count: int, *, members: int = 1, first: int = 1
) -> list[str]:
    """Units of one focal person each (and a head, for two), all on Telegram; their ids."""
    numbers = range(first, first + count * members)
    units = [f"unit{number:016}" for number in range(first, first + count)]
    person = new_id()
    session.add(Person(id=person, made_at=MADE))
    await session.flush()
    await insert_many(
        session, Unit,
        (
            {"id": one, "office_id": office_id, "code": one, "name": one, "kind": "commune",
             "province": "", "commune": "", "aliases": []}
            for one in units
        ),
    )  # fmt: skip
    await insert_many(
        session, Contact,
        (
            {"id": number, "channel": TELEGRAM[0], "account": TELEGRAM[1], "locale": "vi",
             "address_hash": number.to_bytes(32), "person_id": person, "data": {}, "offered": [],
             "blocked": False, "made_at": MADE, "seen_at": MADE}
            for number in numbers
        ),
    )  # fmt: skip
    await insert_many(
        session, Member,
        (
            {"id": f"member{number:014}", "unit_id": units[(number - first) // members],
             "rank": "head" if (number - first) % members else "focal", "name": f"Người {number}",
             "joined_at": MADE}
            for number in numbers
        ),
    )  # fmt: skip
    await insert_many(
        session, MemberAddress,
        (
            {"member_id": f"member{number:014}", "contact_id": number, "added_at": MADE}
            for number in numbers
        ),
    )  # fmt: skip
    return units


async def many_duties(
    session: AsyncSession, deadlines: Sequence[str], units: Sequence[str]
) -> None:
    await insert_many(
        session, Duty,
        (
            {"id": new_id(), "deadline_id": deadline, "unit_id": unit, "state_at": MADE,
             "state": DutyState.NOT_STARTED.value, "reason": "", "late": False, "version": 0,
             "more_time_reason": ""}
            for deadline in deadlines
            for unit in units
        ),
    )  # fmt: skip
