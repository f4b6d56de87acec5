"""The national emulation fighter, planned back from the ministry's date."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot import clock, i18n
from bot.clock import VIETNAM, Counting, DayUnit, OutsideCoverage, Window
from bot.replies import UserError
from handlers.deadlines.calendar import fighter, templates

SHIPPED = clock.shipped()
CALENDAR = clock.build_calendar(SHIPPED.days, SHIPPED.covered_from, SHIPPED.covered_until)
CIVIL, POSTING = Counting.CIVIL_CODE, Counting.POSTING_DAY
RULE = templates.template("HOSO_CSTDTQ").rule
assert RULE is not None
YEAR_END = date(2027, 12, 31)


def plan(**given: object) -> fighter.BackPlan:
    assert RULE is not None
    ministry = given.pop("ministry", YEAR_END)
    return fighter.plan(CALENDAR, RULE, ministry, **given)  # type: ignore[arg-type]


def test_the_internal_dates_of_2027_are_the_latest_that_hold() -> None:
    found = plan()
    assert found.council == date(2027, 12, 17)
    assert found.publish == date(2027, 12, 2)
    assert found.units == date(2027, 11, 1)
    assert plan(counting=POSTING).publish == date(2027, 12, 3)


def test_both_ways_of_counting_are_shown_with_the_working() -> None:
    lines = [i18n.words(line, "vi") for line in plan().working()]
    assert len(lines) == 6
    assert "31/12/2027" in lines[0]
    assert "16/12/2027" in lines[3]
    assert "Bộ luật Dân sự" in lines[3]
    assert "15/12/2027" in lines[4]
    assert "cả ngày đăng" in lines[4]


def test_the_days_of_tet_are_not_counted() -> None:
    """Ten working days from Wednesday 27 January 2027 run over Tết, 4 to 10 February."""
    found = plan(ministry=date(2027, 3, 31), publish=date(2027, 1, 27), units=date(2027, 1, 4))
    assert found.earliest_council(CIVIL) == date(2027, 2, 18)
    assert found.earliest_council(POSTING) == date(2027, 2, 17)


def test_a_given_publication_puts_the_council_off() -> None:
    assert plan(publish=date(2027, 12, 13)).council == date(2027, 12, 28)


def test_a_council_before_ten_working_days_have_passed_is_refused_with_both_ways_out() -> None:
    with pytest.raises(UserError) as refusal:
        plan(publish=date(2027, 11, 30), council=date(2027, 12, 8))
    words = i18n.words(refusal.value.reply, "vi")
    assert "Hãy họp từ thứ Tư, ngày 15/12/2027" in words
    assert "chậm nhất thứ Hai, ngày 22/11/2027" in words


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"council": date(2027, 12, 31)}, "calendar-council-too-late"),
        ({"publish": date(2027, 12, 20)}, "calendar-council-too-late"),
        ({"units": date(2027, 12, 2)}, "calendar-units-too-late"),
        ({"council": date(2027, 12, 14), "publish": date(2027, 11, 30)},
         "calendar-council-too-early"),
    ],
)  # fmt: skip
def test_dates_that_do_not_fit_are_refused(given: dict[str, date], key: str) -> None:
    with pytest.raises(UserError) as refusal:
        plan(**given)
    assert refusal.value.reply.key == key


def test_the_shorter_count_allows_a_day_less() -> None:
    given = {"publish": date(2027, 11, 30), "council": date(2027, 12, 14)}
    assert plan(counting=POSTING, **given).council == date(2027, 12, 14)


def test_beyond_the_holiday_table_the_clocks_own_words_are_heard() -> None:
    with pytest.raises(OutsideCoverage, match="covers 2024-01-01 to 2030-12-31"):
        plan(ministry=date(2031, 1, 31))
    with pytest.raises(OutsideCoverage):
        plan(ministry=date(2024, 1, 15))


@given(st.dates(date(2024, 7, 1), date(2030, 12, 31)), st.sampled_from(Counting))
def test_the_public_always_has_its_ten_working_days_before_the_council(
    ministry: date, counting: Counting
) -> None:
    found = plan(ministry=ministry, counting=counting)
    posted_at = datetime.combine(found.publish, time(), VIETNAM)
    window = Window(10, DayUnit.WORKING, counting)
    assert clock.window_end(CALENDAR, posted_at, window) <= datetime.combine(
        found.council, time(), VIETNAM
    )
    assert found.council >= clock.add_working_days(CALENDAR, found.publish, 10)
    assert found.units < found.publish < found.council < found.ministry
    assert CALENDAR.is_working_day(found.units)
    assert (ministry - found.units).days >= 60


@given(
    st.dates(date(2024, 7, 1), date(2030, 11, 1)), st.integers(1, 40),
    st.sampled_from(Counting),
)  # fmt: skip
def test_a_council_is_taken_exactly_when_the_window_is_over(
    publish: date, later: int, counting: Counting
) -> None:
    council = publish + timedelta(days=later)
    ministry = council + timedelta(days=10)
    assume(CALENDAR.is_working_day(publish))
    last = clock.last_day(
        CALENDAR, datetime.combine(publish, time(), VIETNAM), Window(10, DayUnit.WORKING, counting)
    )
    given: dict[str, object] = {
        "ministry": ministry, "publish": publish, "council": council, "counting": counting,
        "units": publish - timedelta(days=30),
    }  # fmt: skip
    if council > last:
        assert plan(**given).council == council
        return
    with pytest.raises(UserError, match="calendar-council-too-early"):
        plan(**given)
