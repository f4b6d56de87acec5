"""The verb `holidays`: the table as it stands, the office's own rows, and what they change.

A correction counts nothing anew by itself: it says what it would change, `--apply` changes it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, console
from bot.clock import Calendar, DayKind, SpecialDay, load_calendar, local_day, shipped
from bot.config import Settings
from bot.console import ACTOR
from bot.replies import Until, UserError, Word
from storage.models.calendar import CalendarCoverage, CalendarDay

if TYPE_CHECKING:
    from handlers.consultations.lifecycle import Recount

KINDS = {
    DayKind.HOLIDAY: Word("command-holiday"),
    DayKind.IN_LIEU: Word("command-holiday-in-lieu"),
    DayKind.WORKED_WEEKEND: Word("command-holiday-worked"),
    DayKind.WORKDAY: Word("command-holiday-workday"),
}
_SATURDAY = 5


def add_verb(verbs: Any) -> None:
    verb = console.verb(verbs, "holidays", holidays, "help-holidays")
    verb.add_argument("--year", type=int, help="help-holidays-year")
    verb.add_argument(
        "--set", nargs=2, action=_DayOfKind, metavar=("DATE", "KIND"),
        help="help-holidays-set",
    )  # fmt: skip
    verb.add_argument("--source", default="", help="help-holidays-source")
    verb.add_argument("--title", default="", help="help-holidays-title")
    verb.add_argument("--verified", action="store_true", help="help-holidays-verified")
    verb.add_argument("--until", type=console.day, metavar="DATE", help="help-holidays-until")
    verb.add_argument("--apply", action="store_true", help="help-holidays-apply")
    verb.add_argument("--reason", default="", help="help-holidays-reason")


class _DayOfKind(argparse.Action):
    """Two words into (date, DayKind)."""

    def __init__(self, *given: Any, **known: Any) -> None:
        super().__init__(*given, **known)
        self.kinds = ", ".join(DayKind)
        """Named in its help."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        written, kind = list(values or ("", ""))
        try:
            if kind not in list(DayKind):
                raise console.mistyped("help-wrong-kind-of-day", written=kind, kinds=self.kinds)
            setattr(namespace, self.dest, (console.day(written), DayKind(kind)))
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None


async def holidays(settings: Settings, args: argparse.Namespace) -> int:
    say, now = console.sayer(settings), console.now()
    _refuse_incomplete(args)
    changes = bool(args.set or args.until or args.apply)
    found: list[Recount] = []
    async with console.database(settings) as db, db.transaction() as session:
        if args.set:
            await _set_day(session, args, now)
        if args.until:
            await _cover_until(session, args, now)
        calendar = await load_calendar(session)
        if changes:
            found = await _count_anew(session, calendar, args, say, now)
    for line in _changed(calendar, args, say) if changes else ():
        console.show(line)
    for one in found:
        console.show(_recounted(one, say))
    if found and not args.apply:
        console.show(say("command-holidays-apply"))
    if not changes or args.year:
        year = args.year or local_day(now).year
        console.show(say("command-holidays-until", until=calendar.covered_until, year=str(year)))
        for on in sorted(day for day in calendar.days if day.year == year):
            console.show(_described(calendar.days[on], say))
    return 0


def _refuse_incomplete(args: argparse.Namespace) -> None:
    if args.set and not args.source.strip():
        raise UserError("command-holidays-no-source")
    if args.set and args.set[1] is DayKind.WORKED_WEEKEND and args.set[0].weekday() < _SATURDAY:
        raise UserError("command-holidays-no-weekend", day=args.set[0])
    if args.apply and not (args.reason.strip() or args.source.strip()):
        raise UserError("command-holidays-no-reason")


async def _set_day(session: AsyncSession, args: argparse.Namespace, now: datetime) -> None:
    on, kind = args.set
    source = console.fitting("source", args.source, 500)
    title = console.fitting("title", args.title, 200)
    row = await session.get(CalendarDay, on) or CalendarDay(day=on, title="")
    session.add(row)
    row.kind, row.source, row.verified = kind, source, args.verified
    row.title = title or row.title
    acts.note(session, now, ACTOR, f"set {kind}", "calendar day", str(on), source)
    await session.flush()


async def _cover_until(session: AsyncSession, args: argparse.Namespace, now: datetime) -> None:
    row = await session.get(CalendarCoverage, 1)
    if row is None:
        row = CalendarCoverage(id=1, covered_from=shipped().covered_from)
        session.add(row)
    if args.until < row.covered_from:
        raise UserError("command-holidays-until-early", first=row.covered_from)
    row.covered_until, row.checked_on = args.until, local_day(now)
    acts.note(session, now, ACTOR, "cover until", "calendar", str(args.until))
    await session.flush()


async def _count_anew(
    session: AsyncSession,
    calendar: Calendar,
    args: argparse.Namespace,
    say: console.Say,
    now: datetime,
) -> list[Recount]:
    from handlers.consultations import lifecycle

    found = await lifecycle.recounts(session, calendar)
    given = console.fitting("reason", args.reason, lifecycle.LONGEST_REASON)
    reason = given or say("command-holidays-reason", source=args.source.strip())
    for one in found if args.apply else ():
        lifecycle.recount(session, one, reason, ACTOR, now)
    return found


def _changed(calendar: Calendar, args: argparse.Namespace, say: console.Say) -> Iterator[str]:
    if args.set:
        on = args.set[0]
        if on in calendar.days:
            yield _described(calendar.days[on], say)
        else:
            yield say("command-holidays-beyond", day=on, until=calendar.covered_until)
    if args.until:
        yield say("command-holidays-covered", until=calendar.covered_until)


def _described(special: SpecialDay, say: console.Say) -> str:
    key = "command-holidays-verified" if special.verified else "command-holidays-unverified"
    return say(
        key, day=special.on, kind=KINDS[special.kind], title=special.title or "-",
        source=special.source,
    )  # fmt: skip


def _recounted(one: Recount, say: console.Say) -> str:
    old = one.computed_before or one.closes_before
    return say(
        "command-holidays-recount", code=one.asked.code, old=Until(old),
        new=Until(one.computed_now), before=Until(one.closes_before), closes=Until(one.closes_now),
    )  # fmt: skip
