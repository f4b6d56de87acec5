"""The statutory clock against real notices, a table counted by hand, and its own laws."""

from __future__ import annotations

import csv
import os
import time as process_time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from bot import clock
from bot.clock import VIETNAM, Counting, DayKind, DayUnit, OutsideCoverage, SpecialDay, Window
from storage.db import Database
from storage.models.base import Base
from storage.models.calendar import CalendarCoverage, CalendarDay

SHIPPED = clock.shipped()
CALENDAR = clock.build_calendar(SHIPPED.days, SHIPPED.covered_from, SHIPPED.covered_until)
CIVIL, POSTING = Counting.CIVIL_CODE, Counting.POSTING_DAY
WORKING, PLAIN = DayUnit.WORKING, DayUnit.CALENDAR
QUIET = clock.QuietHours()


def at(day: str, hour: int = 9, minute: int = 0) -> datetime:
    """A moment on a Vietnamese clock, as the instant the program keeps."""
    return datetime.combine(date.fromisoformat(day), time(hour, minute), VIETNAM).astimezone(UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def office_row(on: str, kind: DayKind, *, verified: bool = True) -> SpecialDay:
    return SpecialDay(day(on), kind, "theo thông báo", "Thông báo 1/TB-X", verified)


def ends(posted_at: datetime, n: int, unit: DayUnit, counting: Counting) -> date:
    return clock.last_day(CALENDAR, posted_at, Window(n, unit, counting))


# Real notices

NOTICES = [
    ("heroes of the armed forces, over 2 September", "2025-08-20", 10, "2025-09-04", "2025-09-05"),
    ("people's teachers at a university", "2026-03-03", 7, "2026-03-11", "2026-03-12"),
    ("a company, announced for before a Sunday", "2024-10-07", 10, "2024-10-18", "2024-10-21"),
    ("a northern province, over New Year", "2024-12-31", 10, "2025-01-14", "2025-01-15"),
    ("a ministry, signed writing", "2024-11-26", 10, "2024-12-09", "2024-12-10"),
    ("national emulation fighters", "2025-07-21", 10, "2025-08-01", "2025-08-04"),
    ("a hero of labour", "2025-12-17", 10, "2025-12-30", "2025-12-31"),
    ("the capital", "2025-12-11", 10, "2025-12-24", "2025-12-25"),
    ("the day before Culture Day", "2026-11-23", 10, "2026-12-07", "2026-12-08"),
]


@pytest.mark.parametrize(
    ("posted", "n", "by_posting_day", "by_civil_code"),
    [pytest.param(*notice[1:], id=notice[0]) for notice in NOTICES],
)
def test_a_real_notice_ends_when_each_convention_says(
    posted: str, n: int, by_posting_day: str, by_civil_code: str
) -> None:
    posted_at = at(posted, 11, 6)
    assert ends(posted_at, n, WORKING, POSTING) == day(by_posting_day)
    assert ends(posted_at, n, WORKING, CIVIL) == day(by_civil_code)


def test_ten_calendar_days_from_the_day_of_posting_end_as_a_province_announced() -> None:
    calendar = clock.build_calendar((), day("2022-01-01"), day("2022-12-31"))
    window = Window(10, PLAIN, POSTING)
    assert clock.last_day(calendar, at("2022-09-26"), window) == day("2022-10-05")


# The table counted by hand

WINDOWS = list(
    csv.DictReader((Path(__file__).parent / "windows.csv").read_text("utf-8").splitlines())
)


def window_of(row: dict[str, str]) -> Window:
    return Window(int(row["n"]), DayUnit(row["unit"]), Counting(row["counting"]))


@pytest.mark.parametrize("row", WINDOWS, ids=lambda row: f"{row['posted_on']} {row['why'][:30]}")
def test_a_window_ends_and_skips_as_counted_by_hand(row: dict[str, str]) -> None:
    posted_at, window = at(row["posted_on"]), window_of(row)
    last = clock.last_day(CALENDAR, posted_at, window)
    assert last == day(row["expected_end"])
    assert clock.window_end(CALENDAR, posted_at, window) == at(row["expected_end"], 0) + timedelta(
        1
    )
    skipped = clock.skipped_days(CALENDAR, posted_at, window)
    assert " ".join(str(special.on) for special in skipped) == row["skips"]
    guessed = CALENDAR.unverified(clock.local_day(posted_at), last)
    assert row["standing"] == standing_of(guessed)


def standing_of(unverified: list[SpecialDay]) -> str:
    """What a window rests on: no special day, notices known at second hand, or the statute."""
    if any(special.source.startswith("holidays ") for special in unverified):
        return "statutory"
    return "secondary" if unverified else "official"


def test_the_table_has_forty_windows_with_every_tet_from_2024_to_2030() -> None:
    assert len(WINDOWS) == 40
    years = {
        row["posted_on"][:4] for row in WINDOWS if f"Tết {row['posted_on'][:4]}" in row["why"]
    }
    assert years == {str(year) for year in range(2024, 2031)}


@pytest.fixture(params=["UTC", "Asia/Ho_Chi_Minh", "America/New_York"])
def process_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = str(request.param)
    process_time.tzset()
    yield str(request.param)
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    process_time.tzset()


def test_the_zone_of_the_machine_changes_nothing(process_zone: str) -> None:
    for row in WINDOWS:
        for hour in (0, 9, 23):
            here = at(row["posted_on"], hour).astimezone(ZoneInfo(process_zone))
            last = clock.last_day(CALENDAR, here, window_of(row))
            assert last == day(row["expected_end"])
    # 8 March and 1 November 2026 are the nights New York changes its clocks.
    for night in ("2026-03-08", "2026-11-01"):
        assert clock.next_allowed(CALENDAR, at(night, 22), QUIET, False) == at(
            str(day(night) + timedelta(1)), 7
        )
    assert clock.next_office_opening(CALENDAR, at("2026-11-23", 18)) == at("2026-11-25", 7, 30)


# Days and instants


def test_a_day_ends_at_midnight_in_vietnam() -> None:
    assert clock.end_of_day(day("2026-11-23")) == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert clock.local_day(datetime(2026, 11, 23, 16, 59, 59, tzinfo=UTC)) == day("2026-11-23")
    assert clock.local_day(datetime(2026, 11, 23, 17, tzinfo=UTC)) == day("2026-11-24")


def test_the_end_of_a_window_is_named_by_the_day_that_ends_and_not_the_next() -> None:
    ends_at = clock.window_end(CALENDAR, at("2026-11-23"), Window(10, WORKING, CIVIL))
    assert ends_at == datetime(2026, 12, 8, 17, tzinfo=UTC)
    assert clock.closing_day(ends_at) == day("2026-12-08")
    assert clock.closing_day(at("2026-12-08", 17)) == day("2026-12-08")


def test_posting_just_before_and_just_after_midnight_differ_by_a_day() -> None:
    assert ends(at("2026-03-02", 23, 59), 5, WORKING, CIVIL) == day("2026-03-09")
    assert ends(at("2026-03-03", 0, 0), 5, WORKING, CIVIL) == day("2026-03-10")


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        clock.local_day(datetime.fromisoformat("2026-11-23T09:00:00"))


@pytest.mark.parametrize("n", [0, -1, 367])
def test_a_window_of_no_days_or_of_more_than_a_year_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="a window is 1 to 366 days"):
        Window(n, WORKING, CIVIL)


def test_counting_back_from_a_closing_day_steps_over_the_holiday() -> None:
    assert clock.add_working_days(CALENDAR, day("2026-11-25"), -1) == day("2026-11-23")
    assert clock.add_working_days(CALENDAR, day("2026-09-03"), -2) == day("2026-08-27")
    assert clock.add_working_days(CALENDAR, day("2026-11-22"), 0) == day("2026-11-22")


def test_working_days_between_reads_a_term_back() -> None:
    ends_at = clock.window_end(CALENDAR, at("2026-11-23"), Window(10, WORKING, CIVIL))
    assert clock.working_days_between(CALENDAR, at("2026-11-23"), ends_at) == 10
    assert clock.working_days_between(CALENDAR, at("2026-11-23"), at("2026-12-08", 17)) == 10
    assert clock.working_days_between(CALENDAR, at("2026-11-23"), at("2026-11-24", 12)) == 0
    assert clock.count_working_days(CALENDAR, day("2026-11-25"), day("2026-11-23")) == 0


# Showing the working


def test_the_day_of_a_window_is_told_from_posting_to_the_last_minute() -> None:
    posted_at, window = at("2026-11-23"), Window(10, WORKING, CIVIL)
    told = {
        at("2026-11-23", 8): None,
        at("2026-11-23", 9): (0, 10),
        at("2026-11-24"): (0, 10),  # Culture Day
        at("2026-11-25"): (1, 10),
        at("2026-11-28"): (3, 10),  # a Saturday keeps Friday's number
        at("2026-12-08", 23, 59): (10, 10),
        at("2026-12-09", 0): None,
    }
    for now, expected in told.items():
        assert clock.day_number(CALENDAR, posted_at, window, now) == expected, now


def test_a_rolled_calendar_window_stays_on_its_last_number() -> None:
    posted_at, window = at("2024-04-25"), Window(10, PLAIN, CIVIL)
    assert clock.day_number(CALENDAR, posted_at, window, at("2024-04-25")) == (0, 10)
    assert clock.day_number(CALENDAR, posted_at, window, at("2024-05-05")) == (10, 10)
    assert clock.day_number(CALENDAR, posted_at, window, at("2024-05-06")) == (10, 10)


def test_a_worked_saturday_in_the_window_is_named() -> None:
    named = clock.worked_weekends(CALENDAR, at("2026-08-18"), Window(10, WORKING, CIVIL))
    assert [special.on for special in named] == [day("2026-08-22")]
    assert clock.worked_weekends(CALENDAR, at("2026-03-03"), Window(10, WORKING, CIVIL)) == []


# Laws

SECONDS = [int(moment.timestamp()) for moment in (at("2024-01-01", 0), at("2029-06-30"))]
instants = st.integers(*SECONDS).map(lambda second: datetime.fromtimestamp(second, UTC))
days_covered = st.dates(date(2024, 1, 1), date(2029, 6, 30))
windows = st.builds(
    Window, st.integers(1, 60), st.sampled_from(DayUnit), st.sampled_from(Counting)
)


@given(days_covered, st.integers(1, 80))
def test_adding_days_and_counting_them_agree(start: date, n: int) -> None:
    last = clock.add_working_days(CALENDAR, start, n)
    assert clock.count_working_days(CALENDAR, start + timedelta(1), last) == n
    assert CALENDAR.is_working_day(last)


@given(days_covered, st.integers(1, 80))
def test_counting_back_undoes_counting_forward(start: date, n: int) -> None:
    first = clock.add_working_days(CALENDAR, start, 1)
    assert (
        clock.add_working_days(CALENDAR, clock.add_working_days(CALENDAR, first, n), -n) == first
    )


@given(instants, windows)
def test_no_window_ends_on_a_day_off(posted_at: datetime, window: Window) -> None:
    assert CALENDAR.is_working_day(clock.last_day(CALENDAR, posted_at, window))


@given(instants, windows)
def test_a_longer_window_never_ends_earlier(posted_at: datetime, window: Window) -> None:
    longer = Window(window.n + 1, window.unit, window.counting)
    assert clock.window_end(CALENDAR, posted_at, window) <= clock.window_end(
        CALENDAR, posted_at, longer
    )


@given(instants, st.timedeltas(timedelta(0), timedelta(30)), windows)
def test_posting_later_never_closes_earlier(
    posted_at: datetime, delay: timedelta, window: Window
) -> None:
    assert clock.window_end(CALENDAR, posted_at, window) <= clock.window_end(
        CALENDAR, posted_at + delay, window
    )


@given(instants, st.integers(1, 60), st.sampled_from(DayUnit))
def test_the_civil_code_never_gives_less_than_counting_from_the_day_of_posting(
    posted_at: datetime, n: int, unit: DayUnit
) -> None:
    assert ends(posted_at, n, unit, POSTING) <= ends(posted_at, n, unit, CIVIL)


@given(instants, st.integers(1, 60))
def test_a_civil_code_window_read_back_has_its_length(posted_at: datetime, n: int) -> None:
    ends_at = clock.window_end(CALENDAR, posted_at, Window(n, WORKING, CIVIL))
    assert clock.working_days_between(CALENDAR, posted_at, ends_at) == n


@given(instants, st.times(), st.times(), st.booleans())
def test_the_next_allowed_moment_is_allowed_and_asking_again_gives_the_same(
    instant: datetime, start: time, end: time, working_days_only: bool
) -> None:
    quiet = clock.QuietHours(start, end)
    moment = clock.next_allowed(CALENDAR, instant, quiet, working_days_only)
    local = moment.astimezone(VIETNAM)
    assert moment >= instant
    assert not quiet.covers(local.time())
    assert not working_days_only or CALENDAR.is_working_day(local.date())
    assert clock.next_allowed(CALENDAR, moment, quiet, working_days_only) == moment


# Hours


@pytest.mark.parametrize(
    ("now", "working_days_only", "allowed"),
    [
        (at("2026-11-20", 20, 59), True, at("2026-11-20", 20, 59)),
        (at("2026-11-20", 21), False, at("2026-11-21", 7)),
        (at("2026-11-20", 21), True, at("2026-11-23", 7)),
        (at("2026-11-23", 6, 59), True, at("2026-11-23", 7)),
        (at("2026-11-24", 10), True, at("2026-11-25", 7)),
        (at("2026-08-22", 10), True, at("2026-08-22", 10)),
        (at("2027-02-03", 22), True, at("2027-02-11", 7)),
    ],
)
def test_nobody_is_disturbed_at_night_or_on_a_day_off(
    now: datetime, working_days_only: bool, allowed: datetime
) -> None:
    assert clock.next_allowed(CALENDAR, now, QUIET, working_days_only) == allowed


def test_a_midday_silence_and_no_silence_at_all() -> None:
    midday = clock.QuietHours(time(11, 30), time(13, 30))
    wakes_at = at("2026-11-23", 13, 30)
    for moment in (at("2026-11-23", 11, 30), at("2026-11-23", 13, 29), wakes_at):
        assert clock.next_allowed(CALENDAR, moment, midday, True) == wakes_at
    assert clock.next_allowed(CALENDAR, at("2026-11-23", 23), midday, True) == at("2026-11-23", 23)
    never = clock.QuietHours(time(0), time(0))
    assert clock.next_allowed(CALENDAR, at("2026-11-23", 3), never, True) == at("2026-11-23", 3)


@pytest.mark.parametrize(
    ("now", "is_open", "opening"),
    [
        (at("2026-11-23", 7, 29), False, at("2026-11-23", 7, 30)),
        (at("2026-11-23", 7, 30), True, at("2026-11-23", 7, 30)),
        (at("2026-11-23", 16, 59), True, at("2026-11-23", 16, 59)),
        (at("2026-11-23", 17), False, at("2026-11-25", 7, 30)),
        (at("2026-11-24", 10), False, at("2026-11-25", 7, 30)),
        (at("2026-08-22", 10), True, at("2026-08-22", 10)),
        (at("2026-11-21", 3), False, at("2026-11-23", 7, 30)),
    ],
)
def test_the_office_is_open_in_its_hours_on_working_days(
    now: datetime, is_open: bool, opening: datetime
) -> None:
    assert clock.office_hours_open(CALENDAR, now) is is_open
    assert clock.next_office_opening(CALENDAR, now) == opening


# Where the table ends


def test_a_window_beyond_the_table_is_refused_with_the_range_it_covers() -> None:
    with pytest.raises(OutsideCoverage, match="2024-01-01 to 2030-12-31") as refusal:
        ends(at("2030-12-20"), 10, WORKING, CIVIL)
    assert refusal.value.day == day("2031-01-01")
    assert refusal.value.covered_from == day("2024-01-01")
    assert refusal.value.covered_until == day("2030-12-31")


@pytest.mark.parametrize("unit", DayUnit)
@pytest.mark.parametrize("counting", Counting)
def test_a_window_posted_before_the_table_begins_is_refused(
    unit: DayUnit, counting: Counting
) -> None:
    with pytest.raises(OutsideCoverage):
        ends(at("2023-12-29"), 10, unit, counting)


def test_beyond_the_table_even_a_sunday_is_not_known() -> None:
    for unknown in ("2031-01-01", "2031-01-05", "2023-12-31"):
        with pytest.raises(OutsideCoverage):
            CALENDAR.is_working_day(day(unknown))
    with pytest.raises(OutsideCoverage):
        CALENDAR.unverified(day("2030-12-01"), day("2031-01-01"))
    with pytest.raises(OutsideCoverage):
        clock.next_allowed(CALENDAR, at("2030-12-31", 22), QUIET, True)


def test_without_working_days_the_hours_need_no_table() -> None:
    assert clock.next_allowed(CALENDAR, at("2031-05-01", 22), QUIET, False) == at("2031-05-02", 7)


def test_the_warning_begins_ninety_days_before_the_end_and_goes_on_after_it() -> None:
    assert clock.coverage_warning(CALENDAR, day("2030-10-01")) is None
    assert clock.coverage_warning(CALENDAR, day("2030-10-02")) == 90
    assert clock.coverage_warning(CALENDAR, day("2030-12-31")) == 0
    assert clock.coverage_warning(CALENDAR, day("2031-01-02")) == -2


def test_a_calendar_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="coverage ends"):
        clock.build_calendar((), day("2026-12-31"), day("2026-01-01"))


# Where the days come from


def test_no_shipped_day_claims_to_have_been_compared_with_its_notice() -> None:
    """All of them were read at second hand; an office that has the notice says so itself."""
    assert [special.on for special in SHIPPED.days if special.verified] == []


def test_what_no_notice_that_was_read_says_of_the_coming_year_is_named() -> None:
    """Tết and National Day 2027 are known at second hand, the others from the statute alone."""
    ahead = clock.unverified_ahead(CALENDAR, day("2026-11-22"))
    assert [str(special.on) for special in ahead] == [
        "2026-11-24",
        "2027-01-01",
        *(f"2027-02-{number:02}" for number in (4, 5, 8, 9, 10)),
        "2027-04-16",
        "2027-04-30",
        "2027-05-03",
        "2027-09-02",
        "2027-09-03",
    ]
    assert not any(special.verified for special in ahead)
    assert clock.unverified_ahead(CALENDAR, day("2030-12-01")) == []


def test_the_package_alone_is_wrong_on_no_day_but_the_swap_of_new_year_2026() -> None:
    alone = clock.build_calendar((), CALENDAR.covered_from, CALENDAR.covered_until)
    span = (CALENDAR.covered_until - CALENDAR.covered_from).days + 1
    every = [CALENDAR.covered_from + timedelta(i) for i in range(span)]
    differing = {on for on in every if alone.is_working_day(on) != CALENDAR.is_working_day(on)}
    # A later release of the package may have learnt of it.
    assert differing <= {day("2026-01-02"), day("2026-01-10")}
    assert not any(special.verified for special in alone.days.values())


def test_every_shipped_day_names_its_source_and_stands_once_and_in_order() -> None:
    assert all(special.source and special.title for special in SHIPPED.days)
    assert all(one.on < other.on for one, other in pairwise(SHIPPED.days))
    for special in SHIPPED.days:
        weekend = special.on.weekday() >= 5
        assert weekend or special.kind is not DayKind.WORKED_WEEKEND, special
        assert not weekend or special.kind is not DayKind.IN_LIEU, special


def test_a_later_row_wins_and_a_workday_row_cancels_a_holiday_or_a_worked_saturday() -> None:
    rows = [
        *SHIPPED.days,
        office_row("2026-11-23", DayKind.IN_LIEU),
        office_row("2026-11-28", DayKind.WORKED_WEEKEND),
        office_row("2026-11-24", DayKind.WORKDAY),
        office_row("2026-08-22", DayKind.WORKDAY),
    ]
    calendar = clock.build_calendar(rows, day("2026-01-01"), day("2026-12-31"))
    worked = {text: calendar.is_working_day(day(text)) for text in ("2026-11-23", "2026-11-28")}
    assert worked == {"2026-11-23": False, "2026-11-28": True}
    assert calendar.is_working_day(day("2026-11-24"))
    assert not calendar.is_working_day(day("2026-08-22"))


def test_days_outside_the_coverage_are_left_out() -> None:
    calendar = clock.build_calendar(SHIPPED.days, day("2026-06-01"), day("2026-12-31"))
    assert min(calendar.days) == day("2026-08-22")
    assert max(calendar.days) == day("2026-11-24")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'calendar.db'}")
    async with made.engine.begin() as connection:
        await connection.run_sync(
            Base.metadata.create_all,
            tables=[Base.metadata.tables[name] for name in ("calendar_days", "calendar_coverage")],
        )
    yield made
    await made.close()


async def test_an_empty_table_still_knows_the_shipped_notices(database: Database) -> None:
    async with database.reading() as session:
        assert await clock.load_calendar(session) == CALENDAR


async def test_what_the_office_enters_wins_and_its_coverage_holds(database: Database) -> None:
    async with database.transaction() as session:
        session.add(
            CalendarCoverage(
                covered_from=day("2026-01-01"),
                covered_until=day("2027-06-30"),
                checked_on=day("2026-11-20"),
            )
        )
        session.add(
            CalendarDay(
                day=day("2027-04-16"),
                kind=DayKind.HOLIDAY,
                title="Giỗ Tổ Hùng Vương",
                source="Thông báo 2/TB-X",
                verified=True,
            )
        )
        session.add(
            CalendarDay(day=day("2026-01-02"), kind=DayKind.WORKDAY, source="Thông báo 3/TB-X")
        )
    async with database.reading() as session:
        calendar = await clock.load_calendar(session)
    assert calendar.days[day("2027-04-16")].verified
    assert calendar.is_working_day(day("2026-01-02"))
    assert not calendar.days[day("2026-01-02")].verified
    with pytest.raises(OutsideCoverage, match="2026-01-01 to 2027-06-30"):
        calendar.is_working_day(day("2027-07-01"))


async def test_there_is_one_coverage_and_not_two(database: Database) -> None:
    both = {"covered_from": day("2026-01-01"), "covered_until": day("2027-06-30")}
    with pytest.raises(IntegrityError, match="single_row"):
        async with database.transaction() as session:
            session.add(CalendarCoverage(id=2, checked_on=day("2026-11-20"), **both))
