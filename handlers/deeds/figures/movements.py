"""Movements (phong trào thi đua): their terms, which deeds belong to them, and how they stand.

A movement is a row of the catalogue that the offices of one installation share. Deeds name it
themselves; what units register is counted by `duties_in_movements`, and no registration opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypedDict

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import local_day
from bot.replies import UserError
from handlers.deeds import stages
from storage.models.deadlines import Duty, DutyState, Movement
from storage.models.deeds import LIVE_DEEDS, Deed, DeedGroup, DeedState, Stage
from storage.models.figures import DutyInMovement
from storage.models.office import Act, Officer
from storage.models.units import UnitKind

COUNTED = tuple(
    state for state in LIVE_DEEDS if state not in (DeedState.NOT_CONFIRMED, DeedState.UNCHECKABLE)
)
"""Deeds that stand for something: neither rejected, withdrawn, taken down nor found untrue."""
HANDED_IN = (DutyState.SUBMITTED, DutyState.ACCEPTED)
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,31}")


class Terms(TypedDict, total=False):
    """What may be set of a movement; what is missing stays as it is."""

    name_vi: str
    name_en: str
    starts_on: date | None
    ends_on: date | None
    targets: list[str]
    criteria: list[str]
    takes_part: list[str]
    source: str
    verified: bool
    ended: bool


@dataclass(frozen=True)
class Standing:
    """A movement in figures."""

    movement: Movement
    registered: int
    """Units whose registration in force names a target in it."""
    deeds: Mapping[Stage, int] = field(default_factory=dict)

    def at(self, stage: Stage) -> int:
        return self.deeds.get(stage, 0)

    @property
    def exemplars(self) -> int:
        return self.at(Stage.EXAMPLE)

    @property
    def by_stage(self) -> list[tuple[Stage, int]]:
        return [(stage, self.at(stage)) for stage in Stage]


def name(movement: Movement, locale: str) -> str:
    return movement.name_en if locale == "en" else movement.name_vi


def is_running(movement: Movement, day: date) -> bool:
    """On that local day. Nobody has to say when it began or will end."""
    if movement.ended or (movement.starts_on and day < movement.starts_on):
        return False
    return movement.ends_on is None or day <= movement.ends_on


async def listed(session: AsyncSession, day: date) -> list[Movement]:
    """Those that run first, then by code."""
    found = await session.scalars(select(Movement).order_by(Movement.code))
    return sorted(found, key=lambda one: not is_running(one, day))


async def by_code(session: AsyncSession, code: str) -> Movement:
    """Raises UserError."""
    found = await session.get(Movement, code.strip().upper()[:32])
    if found is None:
        raise UserError("movements-unknown", code=code.strip()[:32])
    return found


async def standings(session: AsyncSession, movements: Sequence[Movement]) -> list[Standing]:
    """In the order given."""
    codes = [one.code for one in movements]
    registered = await session.execute(
        select(DutyInMovement.movement_code, func.count(Duty.unit_id.distinct()))
        .join(Duty, Duty.id == DutyInMovement.duty_id)
        .where(DutyInMovement.movement_code.in_(codes), Duty.state.in_(HANDED_IN))
        .group_by(DutyInMovement.movement_code)
    )
    units: dict[str, int] = dict(registered.all())
    stages_of: dict[str, dict[Stage, int]] = {}
    for code, stage, count in await session.execute(
        select(Deed.movement_code, Deed.stage, func.count())
        .where(Deed.movement_code.in_(codes), Deed.state.in_(COUNTED))
        .group_by(Deed.movement_code, Deed.stage)
    ):
        stages_of.setdefault(code or "", {})[Stage(stage)] = count
    return [
        Standing(one, units.get(one.code, 0), stages_of.get(one.code, {})) for one in movements
    ]


async def participants(session: AsyncSession, movement: Movement, locale: str) -> list[str]:
    """The groups of people that take part, by name; kinds of units are words of the catalogue."""
    groups = await session.scalars(
        select(DeedGroup).where(DeedGroup.code.in_(movement.takes_part)).order_by(DeedGroup.code)
    )
    return [one.name_en if locale == "en" else one.name_vi for one in groups]


def kinds(movement: Movement) -> list[UnitKind]:
    return [UnitKind(one) for one in movement.takes_part if one in UnitKind.__members__.values()]


# Kept by the office


async def add(
    session: AsyncSession, code: str, terms: Terms, actor: str, now: datetime
) -> Movement:
    """Raises UserError."""
    code = code.strip().upper()
    if not _CODE.fullmatch(code):
        raise UserError("movements-bad-code")
    if await session.get(Movement, code) is not None:
        raise UserError("movements-code-taken", code=code)
    named = {"name_en": terms.get("name_vi", ""), **terms}
    movement = Movement(
        code=code, source="", verified=False, ended=False, targets=[], criteria=[], takes_part=[]
    )
    session.add(movement)
    await _set(session, movement, named)
    _note(session, movement, "add movement", actor, now)
    await session.flush()
    return movement


async def edit(
    session: AsyncSession, movement: Movement, terms: Terms, actor: str, now: datetime
) -> list[str]:
    """The names of what is different now. Raises UserError."""
    changed = [key for key, value in terms.items() if getattr(movement, key) != value]
    await _set(session, movement, dict(terms))
    if changed:
        _note(session, movement, "edit movement", actor, now, ", ".join(changed))
    await session.flush()
    return changed


async def _set(session: AsyncSession, movement: Movement, terms: Mapping[str, Any]) -> None:
    with session.no_autoflush:
        groups = set(await session.scalars(select(DeedGroup.code)))
    unknown = set(terms.get("takes_part", ())) - groups - set(UnitKind.__members__.values())
    if unknown:
        raise UserError("movements-unknown-part", codes=", ".join(sorted(unknown)))
    for key, value in terms.items():
        setattr(movement, key, value)
    if movement.starts_on and movement.ends_on and movement.ends_on < movement.starts_on:
        raise UserError("movements-ends-first", first=movement.starts_on, last=movement.ends_on)


def _note(
    session: AsyncSession, movement: Movement, verb: str, actor: str, now: datetime, what: str = ""
) -> None:
    session.add(
        Act(
            at=now, actor=actor, verb=verb, object_kind="movement", object_id=movement.code,
            reason=what,
        )
    )  # fmt: skip


# The deeds in it


async def unassigned(
    session: AsyncSession, officer: Officer, first: int, most: int
) -> tuple[list[Deed], int]:
    """Deeds of the officer's office in no movement, the newest first, and how many there are."""
    mine = (
        Deed.office_id == officer.office_id, Deed.movement_code.is_(None), Deed.state.in_(COUNTED)
    )  # fmt: skip
    n = await session.scalar(select(func.count()).select_from(Deed).where(*mine)) or 0
    found = await session.scalars(
        select(Deed).where(*mine).order_by(Deed.made_at.desc(), Deed.id).offset(first).limit(most)
    )
    return list(found), n


async def assign(
    session: AsyncSession, deed: Deed, code: str, actor: str, now: datetime, *, seen: int
) -> Movement | None:
    """The deed belongs to that movement from now on; "" takes it out of the one it is in.

    `seen` is the version upon which it was decided. Raises UserError: also for a movement that is
    over, unless the deed was done while it ran, and for a deed that counts for nothing.
    """
    movement = await by_code(session, code) if code else None
    await stages.hold(session, deed, seen)
    if deed.state not in COUNTED:
        raise stages.cannot(deed)
    today = local_day(now)
    if movement and not _takes(movement, deed.happened_on or today, today):
        raise UserError("movements-over", name=movement.name_vi)
    deed.movement_code = movement.code if movement else None
    stages.changed(deed, actor)
    stages.note(session, now, actor, "assign movement", deed.id, code)
    await session.flush()
    return movement


def _takes(movement: Movement, done_on: date, today: date) -> bool:
    """It runs, or it ran when the deed was done."""
    if is_running(movement, today):
        return True
    begun = movement.starts_on is None or movement.starts_on <= done_on
    return begun and movement.ends_on is not None and done_on <= movement.ends_on
