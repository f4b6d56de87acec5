"""Dates as people type them: what is understood, what is asked about, what is refused."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import dates, i18n
from bot.clock import VIETNAM, end_of_day
from bot.replies import Until, UserError
from bot.text import fold

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=VIETNAM)
"""A Wednesday."""

UNDERSTOOD = {
    "hôm nay": "2026-11-25",
    "nay": "2026-11-25",
    "mai": "2026-11-26",
    "ngày mai": "2026-11-26",
    "Mai nhé": "2026-11-26",
    "2 ngày nữa nhé em": "2026-11-27",
    "mai em ạ": "2026-11-26",
    "mai nha chị": "2026-11-26",
    "Dạ mai anh nhé ạ": "2026-11-26",
    "mai được không ạ?": "2026-11-26",
    "mai em nhe": "2026-11-26",
    "cho em đến 15/12 nhé anh": "2026-12-15",
    "mốt": "2026-11-27",
    "ngày mốt": "2026-11-27",
    "ngày kia": "2026-11-27",
    "ngày kìa": "2026-11-28",
    "thứ 6": "2026-11-27",
    "t6": "2026-11-27",
    "Thứ Sáu": "2026-11-27",
    "thứ tư tuần này": "2026-11-25",
    "thứ hai tuần sau": "2026-11-30",
    "thứ 2 tuần tới": "2026-11-30",
    "thứ bẩy tuần sau": "2026-12-05",
    "chủ nhật": "2026-11-29",
    "chủ nhật này": "2026-11-29",
    "cn tuần sau": "2026-12-06",
    "thứ năm tuần sau nữa": "2026-12-10",
    "thứ sáu này": "2026-11-27",
    "15/3": "2027-03-15",
    "25/11": "2026-11-25",
    "24/11": "2027-11-24",
    "15-3-2027": "2027-03-15",
    "15.3": "2027-03-15",
    "15 / 3 / 2027": "2027-03-15",
    "15/3/27": "2027-03-15",
    "2027-03-15": "2027-03-15",
    "15/3 năm sau": "2027-03-15",
    "ngày 15/3": "2027-03-15",
    "ngày 15 tháng 3": "2027-03-15",
    "15 tháng 3 năm 2028": "2028-03-15",
    "ngày 5 tháng tư": "2027-04-05",
    "mười lăm tháng ba": "2027-03-15",
    "ngày hai mươi mốt tháng năm năm 2027": "2027-05-21",
    "mồng 5 tháng 6": "2027-06-05",
    "29/2/2028": "2028-02-29",
    "ngày 28": "2026-11-28",
    "ngày 5": "2026-12-05",
    "ngày 5 tháng sau": "2026-12-05",
    "20 tháng này": "2026-11-20",
    "cuối tháng": "2026-11-30",
    "cuối tháng này": "2026-11-30",
    "cuối tháng sau": "2026-12-31",
    "cuối tháng 2": "2027-02-28",
    "hết tháng 3/2028": "2028-03-31",
    "đầu tháng": "2026-12-01",
    "đầu tháng sau": "2026-12-01",
    "giữa tháng sau": "2026-12-15",
    "cuối năm": "2026-12-31",
    "đầu năm sau": "2027-01-01",
    "cuối quý 1": "2027-03-31",
    "hết quý IV": "2026-12-31",
    "đầu tuần sau": "2026-11-30",
    "giữa tuần sau": "2026-12-02",
    "3 ngày nữa": "2026-11-28",
    "ba ngày nữa": "2026-11-28",
    "sau 3 ngày": "2026-11-28",
    "5 hôm nữa": "2026-11-30",
    "2 tuần nữa": "2026-12-09",
    "một tháng nữa": "2026-12-25",
    "nửa tháng nữa": "2026-12-10",
    "đến hết ngày 15/3": "2027-03-15",
    "hạn 15/3": "2027-03-15",
    "thứ hai, ngày 15/03/2027": "2027-03-15",
    "17h ngày 15/3": "2027-03-15 17:00",
    "17g30 15/3": "2027-03-15 17:30",
    "17h15/3": "2027-03-15 17:00",
    "trước 17h ngày 15/3": "2027-03-15 17:00",
    "15/3 lúc 17 giờ": "2027-03-15 17:00",
    "8 giờ sáng mai": "2026-11-26 08:00",
    "sáng mai 8h": "2026-11-26 08:00",
    "mai, 8 giờ 30": "2026-11-26 08:30",
    "8h kém 15 sáng mai": "2026-11-26 07:45",
    "8 giờ rưỡi mai": "2026-11-26 08:30",
    "tám giờ sáng mai": "2026-11-26 08:00",
    "5h chiều thứ sáu": "2026-11-27 17:00",
    "chiều thứ sáu 5h": "2026-11-27 17:00",
    "7 giờ tối nay": "2026-11-25 19:00",
    "12 giờ trưa mai": "2026-11-26 12:00",
    "8h 15 tháng 3": "2027-03-15 08:00",
    "14:30 20/12": "2026-12-20 14:30",
    "20/12 14:30": "2026-12-20 14:30",
    "05:00 mai": "2026-11-26 05:00",
    "24h ngày 15/3": "2027-03-16 00:00",
    "17h": "2026-11-25 17:00",
    "9h": "2026-11-26 09:00",
    "2 tiếng nữa": "2026-11-25 12:00",
    "30 phút nữa": "2026-11-25 10:30",
    "2 giờ nữa nhé em": "2026-11-25 12:00",
    "today": "2026-11-25",
    "tomorrow": "2026-11-26",
    "the day after tomorrow": "2026-11-27",
    "Friday": "2026-11-27",
    "monday next week": "2026-11-30",
    "in 3 days": "2026-11-28",
    "two weeks from now": "2026-12-09",
    "15 March": "2027-03-15",
    "March 15th, 2028": "2028-03-15",
    "end of month": "2026-11-30",
    "end of next month": "2026-12-31",
    "5pm tomorrow": "2026-11-26 17:00",
    "tomorrow at 8:30 am": "2026-11-26 08:30",
    "tomorrow morning at 9": "",
}  # fmt: skip
"""One reading each, of a day to come; "" where it is not understood."""

EITHER = {
    "5h mai": ("2026-11-26 05:00", "2026-11-26 17:00"),
    "3h30 ngày 15/3": ("2027-03-15 03:30", "2027-03-15 15:30"),
    "thứ tư": ("2026-12-02", "2026-11-25"),
    "thứ sáu tới": ("2026-11-27", "2026-12-04"),
    "next friday": ("2026-11-27", "2026-12-04"),
    "tuần sau": ("2026-11-30", "2026-12-02"),
    "tuần tới": ("2026-11-30", "2026-12-02"),
    "cuối tuần": ("2026-11-27", "2026-11-28"),
    "cuối tuần sau": ("2026-12-04", "2026-12-05"),
    "sáng mai": ("2026-11-26 08:00", "2026-11-26"),
    "chiều nay": ("2026-11-25 14:00", "2026-11-25"),
    "trước 15/3": ("2027-03-15", "2027-03-14"),
    "ngay mot": ("2026-11-27", "2026-12-01"),
    "ngay 5 thang sau": ("2026-12-05", "2027-06-05"),
}
"""What may mean two things: the likelier, and the other."""

REFUSED = {
    "30/2": "dates-never-such-day",
    "31/2": "dates-never-such-day",
    "30 tháng 2": "dates-never-such-day",
    "3/15": "dates-no-such-month",
    "29/2/2027": "dates-no-such-day",
    "29/2": "dates-no-such-day",
    "ngày 31": "dates-never-such-day",
    "0/3": "dates-never-such-day",
    "15/13/2027": "dates-no-such-month",
    "cuối tháng 13": "dates-no-such-month",
    "15/3/0027": "dates-no-such-year",
    "cuối tháng 12 năm 9999": "dates-no-such-year",
    "cuối năm 9999": "dates-no-such-year",
    "999 năm nữa": "dates-no-such-year",
    "25h mai": "dates-no-such-hour",
    "17h75 mai": "dates-no-such-hour",
    "0h kém 15 mai": "dates-no-such-hour",
    "8h kém 90 mai": "dates-no-such-hour",
    "17h sáng mai": "dates-no-such-hour",
    "thứ hai 16/3/2027": "dates-weekday-differs",
    "tháng sau": "dates-which-day",
    "tháng 3": "dates-which-day",
    "3/2027": "dates-which-day",
    "tuần này": "dates-which-day",
    "mùng 5 Tết": "dates-lunar",
    "15/8 âm lịch": "dates-lunar",
    "": "dates-not-understood",
    "xin chào": "dates-not-understood",
    "15": "dates-not-understood",
    "thứ 8": "dates-not-understood",
    "mai hoặc mốt": "dates-not-understood",
    "thứ sáu trước": "dates-not-understood",
    "3 ngày làm việc nữa": "dates-not-understood",
    "15/3 và 16/3": "dates-not-understood",
    "mai " * 50: "dates-not-understood",
}


def written(read: dates.Understood) -> str:
    return f"{read.day}" if read.at is None else f"{read.day} {read.at:%H:%M}"


def both(text: str) -> tuple[str, ...]:
    read = dates.understand(text, NOW)
    return (written(read),) if read.other is None else (written(read), written(read.other))


@pytest.mark.parametrize(("text", "meant"), UNDERSTOOD.items())
def test_what_people_type_is_understood(text: str, meant: str) -> None:
    if not meant:
        with pytest.raises(UserError):
            dates.understand(text, NOW)
        return
    assert both(text) == (meant,)
    assert both(unicodedata.normalize("NFD", text)) == (meant,)
    assert both(text.upper()) == (meant,)


@pytest.mark.parametrize(("text", "meant"), EITHER.items())
def test_what_may_mean_two_things_names_both(text: str, meant: tuple[str, str]) -> None:
    assert both(text) == meant
    assert dates.understand(text, NOW).is_ambiguous


NEEDS_ACCENTS = {"ngày kìa"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [(text, meant) for text, meant in UNDERSTOOD.items() if meant and text not in NEEDS_ACCENTS],
)
def test_without_accents_the_same_is_meant(text: str, meant: str) -> None:
    assert both(fold(text))[0] == meant


@pytest.mark.parametrize(("text", "key"), REFUSED.items())
def test_what_is_no_date_is_refused_with_what_to_write(text: str, key: str) -> None:
    with pytest.raises(UserError) as refusal:
        dates.understand(text, NOW)
    assert refusal.value.reply.key == key
    for locale in i18n.LOCALES:
        assert "…" not in i18n.words(refusal.value.reply, locale)


@pytest.mark.parametrize(
    ("text", "is_past"),
    [
        ("hôm qua", True), ("hôm kia", True), ("15/3/2020", True), ("20 tháng này", True),
        ("8:30 hôm nay", True), ("thứ hai tuần này", True), ("hôm nay", False),
        ("25/11 23h", False), ("10:00 hôm nay", True), ("10:01 hôm nay", False),
    ],
)  # fmt: skip
def test_what_has_gone_by_says_so(text: str, is_past: bool) -> None:
    assert dates.understand(text, NOW).past is is_past


def test_a_month_without_its_last_day_ends_earlier() -> None:
    new_year = datetime(2027, 1, 31, 9, tzinfo=VIETNAM)
    assert written(dates.understand("1 tháng nữa", new_year)) == "2027-02-28"
    with pytest.raises(UserError):
        dates.understand("ngày 31 tháng sau", new_year)


def test_the_day_is_counted_where_vietnam_stands() -> None:
    late = datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
    assert written(dates.understand("hôm nay", late)) == "2026-11-26"


def test_on_a_saturday_the_weekend_is_not_over() -> None:
    saturday = datetime(2026, 11, 28, 9, tzinfo=VIETNAM)
    read = dates.understand("cuối tuần", saturday)
    assert (written(read), read.other and written(read.other)) == ("2026-11-29", "2026-12-04")


def test_as_a_deadline_a_day_ends_at_midnight_and_an_hour_at_that_hour() -> None:
    assert dates.understand("15/3", NOW).end == end_of_day(date(2027, 3, 15))
    assert dates.understand("17h 15/3", NOW).end == datetime(2027, 3, 15, 10, tzinfo=UTC)
    assert dates.understand("24h 15/3", NOW).end == end_of_day(date(2027, 3, 15))
    assert dates.understand("mai", NOW).instant(time(8)) == datetime(2026, 11, 26, 1, tzinfo=UTC)


DAYS = st.dates(date(2020, 1, 1), date(2060, 12, 31))
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))


@given(DAYS, st.sampled_from(i18n.LOCALES))
def test_what_the_bot_writes_of_a_day_it_reads_again(day: date, locale: str) -> None:
    assert dates.understand(i18n.spell(locale, day), NOW).day == day


@given(DAYS, MINUTES, st.sampled_from(i18n.LOCALES))
def test_what_the_bot_writes_of_an_instant_it_reads_again(
    day: date, at: time, locale: str
) -> None:
    instant = datetime.combine(day, at, VIETNAM)
    read = dates.understand(i18n.spell(locale, instant), NOW)
    assert (read.instant(time()), read.is_ambiguous) == (instant, False)


@given(DAYS)
def test_the_end_of_a_window_is_read_again(day: date) -> None:
    end = end_of_day(day)
    assert dates.understand(i18n.spell("vi", Until(end)), NOW).end == end


@given(DAYS, st.sampled_from(["{0.day}/{0.month}/{0.year}", "{0.day}-{0.month}-{0.year}",
                              "ngày {0.day} tháng {0.month} năm {0.year}", "{0}"]))  # fmt: skip
def test_a_date_in_figures_means_itself(day: date, form: str) -> None:
    assert dates.understand(form.format(day), NOW).day == day


@given(st.dates(date(2026, 11, 25), date(2027, 11, 24)))
def test_a_date_without_its_year_is_the_next_one(day: date) -> None:
    assert dates.understand(f"{day.day}/{day.month}", NOW).day == day


PIECES = [*UNDERSTOOD, *EITHER, *REFUSED, *"0123456789/:-.h"] + [
    word for text in UNDERSTOOD for word in text.split()
]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join))
def test_whatever_is_typed_is_understood_or_refused_in_a_sentence(text: str) -> None:
    try:
        read = dates.understand(text, NOW)
    except UserError:
        return
    assert 1900 <= read.day.year <= 2201
