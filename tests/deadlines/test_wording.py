"""What a reminder says fits on a telephone, in both languages, whoever it speaks to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from bot import i18n
from bot.clock import end_of_day
from bot.replies import Reply
from handlers.deadlines.reminders import wording
from handlers.deadlines.reminders.wording import Told
from storage.models.deadlines import Audience, DutyState, Work
from tests.deadlines.ground import at

ONE = Told(
    7, "u1", "Ủy ban nhân dân xã Suối Mơ", "d1", "Đăng ký danh hiệu thi đua năm học", Work.REPORT,
    end_of_day(date(2027, 3, 31)), DutyState.NOT_STARTED, Audience.FOCAL, False,
)  # fmt: skip
DAYS = {"before": "2027-03-24", "today": "2027-03-31", "overdue": "2027-04-02"}


def text(message: Reply, locale: str = "vi") -> str:
    return i18n.words(message, locale)


def labels(message: Reply, locale: str = "vi") -> list[str]:
    return [i18n.label(choice, locale) for row in message.choices for choice in row]


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_every_reminder_names_what_and_whose_and_until_when_and_the_way_out(locale: str) -> None:
    said = set()
    for phase, to, nudged in product(DAYS, Audience, (False, True)):
        one = replace(ONE, to=to, nudged=nudged and to == Audience.FOCAL)
        message = wording.compose([one], locale, at(DAYS[phase]))
        words = text(message, locale)
        for part in (ONE.title, ONE.unit, "31/03/2027", "DỪNG" if locale == "vi" else "STOP"):
            assert part in words
        assert len(words) <= 600
        assert "/dangky" in words or to in wording.SUPERVISORS
        said.add(words)
    assert len(said) == len(DAYS) * (len(Audience) + 1), "each speaks to its own people"


@pytest.mark.parametrize(("day", "left"), [("2027-03-30", "1 day left"), ("2027-03-24", "7 days")])
def test_time_left_is_counted_when_it_is_told(day: str, left: str) -> None:
    assert left in text(wording.compose([ONE], "en", at(day)), "en")


def test_what_was_returned_says_so() -> None:
    returned = replace(ONE, state=DutyState.RETURNED)
    assert "trả lại" in text(wording.compose([returned], "vi", at("2027-03-24")))


def test_what_is_obligatory_says_what_opting_out_comes_to() -> None:
    words = text(wording.compose([replace(ONE, mandatory=True)], "vi", at("2027-03-24")))
    assert "cơ quan thay cho Anh/chị" in words


def test_long_names_are_cut() -> None:
    long = replace(ONE, title="Báo cáo " * 40, unit="Trường trung học " * 20)
    assert len(text(wording.compose([long], "vi", at("2027-04-02")))) <= 600


def test_supervisors_may_ask_who_is_responsible_and_nothing_else() -> None:
    message = wording.compose([replace(ONE, to=Audience.CLUSTER)], "vi", at("2027-04-05"))
    assert labels(message) == ["Ai phụ trách?"]


SPARED = replace(ONE, mandatory=True, spared=True, people=[("Bà Hoa", "focal")])


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_what_reaches_the_office_instead_is_worded_for_the_office(locale: str) -> None:
    said = set()
    for phase, to in product(DAYS, (Audience.FOCAL, Audience.CLUSTER)):
        message = wording.compose([replace(SPARED, to=to)], locale, at(DAYS[phase]))
        words = text(message, locale)
        for part in (ONE.title, ONE.unit, "31/03/2027", "Bà Hoa"):
            assert part in words
        assert "/dangky" not in words
        assert [row[0].press for row in message.choices] == ["rm:7:who"]
        said.add(words)
    assert len(said) == 2 * len(DAYS), "whoever opted out is named"
    nobody = wording.compose([replace(SPARED, people=())], "vi", at(DAYS["today"]))
    assert "chưa có tên người phụ trách" in text(nobody)


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_the_offices_own_date_asks_it_to_chase_nobody(locale: str) -> None:
    own = replace(ONE, to=Audience.OFFICE, own=True, work=Work.OTHER)
    close = replace(own, of_consultation=True)
    report = replace(close, work=Work.REPORT)
    for phase in DAYS:
        said = set()
        for one in (own, close, report):
            message = wording.compose([one], locale, at(DAYS[phase]))
            words = text(message, locale)
            assert ONE.title in words
            blames = ("chưa nộp", "đôn đốc", "handed", "ask after")
            assert not any(part in words for part in blames)
            presses = [one.press for row in message.choices for one in row]
            assert "dl:open:d1" in presses
            assert ("rm:7:done" in presses) == (one is not close), "a consultation ends by itself"
            assert "rm:7:more" not in presses, "of whom should the office ask for more time?"
            said.add(words)
        assert len(said) == 3


def test_several_for_the_office_name_whom_to_telephone_and_open_its_own_dates() -> None:
    late = replace(ONE, to=Audience.OFFICE)
    units = [
        replace(SPARED, reminder_id=1, unit_id="u1", unit="Xã Một"),
        replace(late, reminder_id=2, unit_id="u2", unit="Xã Hai", reached=False),
        replace(late, reminder_id=3, unit_id="u3", unit="Xã Ba", reached=True),
    ]
    own = replace(ONE, reminder_id=4, unit_id="o", deadline_id="d2", unit="Phòng", own=True)
    message = wording.compose([*units, own], "vi", at("2027-04-06"))
    assert "xin gọi điện: Xã Hai, Xã Một." in text(message)
    assert {row[0].press for row in message.choices} == {
        "rm:1:who", "rm:2:who", "rm:3:who", "rm:4:open",
    }  # fmt: skip
    alone = wording.compose([own, replace(own, deadline_id="d3")], "vi", at("2027-04-06"))
    assert "đôn đốc" not in text(alone)


def test_whoever_works_for_a_unit_and_the_office_may_open_only_what_is_theirs() -> None:
    both = [ONE, replace(ONE, reminder_id=8, unit_id="u2", to=Audience.OFFICE)]
    message = wording.compose(both, "vi", at("2027-04-06"))
    assert {row[0].press for row in message.choices} == {"rm:7:open", "rm:8:who"}


def test_one_unit_with_several_dates_is_told_by_their_titles() -> None:
    duties = [replace(ONE, reminder_id=n, deadline_id=f"d{n}", title=f"Việc {n}") for n in (1, 2)]
    message = wording.compose(duties, "vi", at("2027-03-24"))
    assert labels(message) == ["Việc 1", "Việc 2"]
    assert text(message).count("còn 7 ngày") == 2


def test_one_date_of_several_units_is_one_line() -> None:
    duties = [
        replace(ONE, reminder_id=n, unit_id=f"u{n}", unit=f"Xã {n}", to=Audience.OFFICE)
        for n in range(3)
    ]
    message = wording.compose(duties, "vi", at("2027-04-06"))
    assert "(Xã 0, Xã 1, Xã 2): quá hạn 6 ngày" in text(message)
    assert labels(message) == ["Xã 0", "Xã 1", "Xã 2"]
    assert [row[0].press for row in message.choices] == ["rm:0:who", "rm:1:who", "rm:2:who"]


def test_a_whole_province_still_fits() -> None:
    duties = [
        replace(ONE, reminder_id=n, unit_id=f"u{n}", unit=f"Xã số {n}", to=Audience.OFFICE)
        for n in range(4_000)
    ]
    message = wording.compose(duties, "vi", at("2027-04-06"))
    words = text(message)
    assert "4.000 việc" in words
    assert len(words) <= 600
    assert 2 <= len(message.choices) <= 10
    assert f"và {i18n.spell('vi', 4_000 - len(message.choices))} việc nữa" in words


def test_two_reminders_of_one_duty_are_one() -> None:
    message = wording.compose([ONE, replace(ONE, reminder_id=8)], "vi", at("2027-03-24"))
    assert message.key == "reminders-before-focal"
    assert message.choices[0][0].press == "rm:7:done"
