"""The ladder: its laws, and the weeks around Tết counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import clock
from bot.clock import VIETNAM
from handlers.deadlines.reminders import ladder
from handlers.deadlines.reminders.ladder import DEFAULT_LADDER, Occurrence, Terms
from storage.models.deadlines import Audience, Rung

SHIPPED = clock.shipped()
CALENDAR = clock.build_calendar(SHIPPED.days, SHIPPED.covered_from, SHIPPED.covered_until)


def at(day: str, hour: int = 8) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), VIETNAM).astimezone(UTC)


def times(given: Terms) -> dict[str, str]:
    """step → the day it goes, and why it is not the ladder's own."""
    return {
        one.step: f"{clock.local_day(one.send_at)} {one.reason} {one.merged_into}".strip()
        for one in ladder.occurrences(given, CALENDAR)
    }


# By hand


def test_a_plain_month_goes_by_the_ladder() -> None:
    assert times(Terms(clock.end_of_day(date(2027, 3, 31)))) == {
        "T-30": "2027-03-01",
        "T-15": "2027-03-16",
        "T-7": "2027-03-24",
        "T-3": "2027-03-29 day_off",
        "T-1": "2027-03-30",
        "T0": "2027-03-31",
        "T+1": "2027-04-01",
        "T+2": "2027-04-02",
        "T+4": "2027-04-05 day_off",
        "T+6": "2027-04-06",
    }


def test_what_falls_into_tet_waits_for_its_end_and_is_said_once() -> None:
    """Off from 4 to 10 February 2027; the last day is Friday the 12th."""
    found = times(Terms(clock.end_of_day(date(2027, 2, 12))))
    assert found["T-15"] == "2027-01-28"
    assert found["T-7"] == "2027-02-11 merged T-1"
    assert found["T-3"] == "2027-02-11 merged T-1"
    assert found["T-1"] == "2027-02-11"
    assert found["T+1"] == "2027-02-15 day_off"
    assert found["T+2"] == "2027-02-15 day_off", "to other people: not merged with T+1"


def test_a_date_inside_tet_is_told_before_it() -> None:
    """The last day is Sunday 7 February: a reminder on the 11th would be too late."""
    found = times(Terms(clock.end_of_day(date(2027, 2, 7))))
    assert found["T-7"] == "2027-02-01 day_off"
    assert found["T-3"] == "2027-02-03 merged T0"
    assert found["T0"] == "2027-02-03 brought_forward"
    assert found["T+1"] == "2027-02-11 day_off"


def test_working_days_leave_out_weekends_and_tet() -> None:
    found = times(Terms(clock.end_of_day(date(2027, 2, 12)), in_working_days=True))
    assert found["T-1"] == "2027-02-11"
    assert found["T-3"] == "2027-02-02"
    assert found["T-7"] == "2027-01-27"


def test_a_last_day_that_ends_before_the_hour_of_sending_is_told_the_day_before() -> None:
    early = datetime.combine(date(2027, 3, 31), time(7, 30), VIETNAM)
    assert times(Terms(early))["T0"] == "2027-03-30 brought_forward"
    assert times(Terms(early, urgent=True))["T0"] == "2027-03-30 brought_forward"
    assert times(Terms(early))["T-1"] == "2027-03-30 merged T0"


def test_what_is_urgent_goes_on_days_off_too() -> None:
    assert times(Terms(clock.end_of_day(date(2027, 2, 7)), urgent=True))["T0"] == "2027-02-07"


def test_a_moved_date_and_a_date_of_ones_own_have_steps_of_their_own() -> None:
    due = clock.end_of_day(date(2027, 3, 31))
    names = [list(times(Terms(due, revision=n, own=own))) for n, own in ((2, False), (2, True))]
    assert names[0][0] == "T-30 (2)"
    assert names[1][0] == "T-30 (2) 2027-03-31"
    assert all(len(name) <= 24 for name in names[1])


@pytest.mark.parametrize(
    ("step", "at_time", "late"),
    [("T0", "2027-03-31", False), ("T0", "2027-04-01", True), ("T+1", "2027-05-01", False)],
)
def test_a_step_from_before_is_of_no_use_afterwards_when_another_follows(
    step: str, at_time: str, late: bool
) -> None:
    due = clock.end_of_day(date(2027, 3, 31))
    every = ladder.occurrences(Terms(due), CALENDAR)
    (one,) = (one for one in every if one.step == step)
    assert ladder.too_late(one, every, due, at(at_time)) is late
    assert not ladder.too_late(one, [one], due, at(at_time)), "nothing follows: still of use"


# Laws

DAYS = st.dates(date(2025, 1, 1), date(2029, 6, 30))
DUES = st.one_of(
    DAYS.map(clock.end_of_day),
    st.builds(lambda day, hour: at(day.isoformat(), hour), DAYS, st.integers(1, 23)),
)
RUNGS = st.builds(ladder.rung, st.integers(-60, 30), st.sampled_from(Audience))
TERMS = st.builds(
    Terms,
    DUES,
    st.one_of(st.just(DEFAULT_LADDER), st.lists(RUNGS, min_size=1, max_size=12)),
    in_working_days=st.booleans(),
    urgent=st.booleans(),
    revision=st.integers(0, 12),
    own=st.booleans(),
)


@given(TERMS)
def test_every_rung_is_accounted_for_once_and_in_order(given: Terms) -> None:
    found = ladder.occurrences(given, CALENDAR)
    assert [one.send_at for one in found] == sorted(one.send_at for one in found)
    assert len({(one.step, one.to) for one in found}) == len(found)
    assert sorted((one.days, one.to) for one in found) == sorted(
        {(one["days"], one["to"]) for one in given.ladder}
    )


@given(TERMS)
def test_nothing_goes_on_a_day_off_or_by_night_unless_it_is_urgent(given: Terms) -> None:
    for one in ladder.occurrences(given, CALENDAR):
        local = one.send_at.astimezone(VIETNAM)
        assert local.time() == time(8)
        assert given.urgent or CALENDAR.is_working_day(local.date())


@given(TERMS)
def test_what_is_meant_to_be_before_is_before(given: Terms) -> None:
    for one in ladder.occurrences(given, CALENDAR):
        assert (one.send_at < given.due_at) is one.is_before


@given(TERMS)
def test_the_same_people_hear_at_most_once_at_a_moment(given: Terms) -> None:
    found = ladder.occurrences(given, CALENDAR)
    standing = [(one.to, one.send_at) for one in found if not one.merged_into]
    assert len(standing) == len(set(standing))
    for one in found:
        if one.merged_into:
            assert _standing(found, one).days > one.days


def _standing(found: list[Occurrence], merged: Occurrence) -> Occurrence:
    (one,) = (
        one
        for one in found
        if (one.step, one.to, one.send_at) == (merged.merged_into, merged.to, merged.send_at)
    )
    assert not one.merged_into
    return one


@given(TERMS)
def test_it_goes_as_near_to_its_day_as_it_may(given: Terms) -> None:
    for one in ladder.occurrences(given, CALENDAR):
        first, last = sorted((one.planned_at, one.send_at))
        skipped = [
            clock.local_day(first) + timedelta(days=n) for n in range((last - first).days + 1)
        ]
        skipped.remove(clock.local_day(one.send_at))
        if one.reason == "day_off":
            assert not any(CALENDAR.is_working_day(day) for day in skipped)
        elif not one.reason:
            assert skipped == []


def test_two_rungs_of_one_name_to_the_same_people_are_one() -> None:
    twice: list[Rung] = [ladder.rung(-7, Audience.FOCAL), ladder.rung(-7, Audience.FOCAL)]
    both = [*twice, ladder.rung(-7, Audience.HEAD)]
    due = clock.end_of_day(date(2027, 3, 31))
    assert len(ladder.occurrences(Terms(due, both), CALENDAR)) == 2
