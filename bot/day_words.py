"""Which day folded words mean, from a given day on: "thu hai tuan sau", "cuoi thang", "15/3".

One reading, or two where people mean either. The words are those that `bot.dates` has folded:
NEXT, THIS, MOT, KIA and ME stand for what only accents tell apart.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from bot.replies import UserError

_ONE_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_FRIDAY, _SATURDAY, _SUNDAY = 4, 5, 6
FIRST_YEAR, LAST_YEAR = 1900, 2200
_MONTHS = 12
_LEAP_YEAR = 2000
"""In which every day is that there ever is."""


def not_understood(today: date) -> UserError:
    return UserError("dates-not-understood", example=example(today))


def example(today: date) -> str:
    """A date to show how one is written, never typed into a sentence."""
    return f"{today + _WEEK:%d/%m}"


# Numbers

_UNITS = {
    "1": 1, "mot": 1, "MOT": 1, "hai": 2, "ba": 3, "bon": 4, "tu": 4, "4": 4, "nam": 5,
    "lam": 5, "sau": 6, "6": 6, "bay": 7, "tam": 8, "chin": 9,
}  # fmt: skip
UNIT = "(?:1|4|6|mot|MOT|hai|ba|bon|tu|nam|lam|sau|bay|tam|chin)"
NUMBER = rf"(?:\d{{1,3}}|(?:(?:hai|ba) )?muoi(?: {UNIT})?|{UNIT}|an|a|one|two|three)"
_MONTH_NUMBER = rf"(?!sau\b){NUMBER}"
"""Without accents "thang sau" is the next month rather than June."""
_ENGLISH = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}


def number(words: str) -> int:
    if words.isdecimal():
        return int(words)
    if words in _ENGLISH:
        return _ENGLISH[words]
    tens, muoi, rest = words.partition("muoi")
    if not muoi:
        return _UNITS[words]
    return 10 * _UNITS.get(tens.strip(), 1) + _UNITS.get(rest.strip(), 0)


PREFIX = r"(?:(?P<before>sau|NEXT|trong|in|after) )?"
SUFFIX = r"(?: (?P<after>nua|sau|toi|NEXT|from now|later))?"


# The day

_FILLERS = re.compile(
    r"(?:vao|luc|den|truoc|han|het|ME|nhac|lai|hen|de|xin|nop|gui|ngay|la|by|on|at|before|until"
    r"|the|due|remind me|FROM|da|vang|cho|giup|em|anh|chi)(?: |$)"
)
_TRAILERS = re.compile(
    r"(?:^| )(?:luc|vao|at|on|ngay|please|nhe|nha|nghen|a|em|anh|chi|co|bac|ban|di|giup|gium|voi"
    r"|duoc khong|duoc ko)$"
)
"""What is only polite, too: "mai nhé em", "thứ sáu được không ạ"."""


def stripped(words: str) -> str:
    """Without what surrounds a date in a sentence."""
    while found := _FILLERS.match(words):
        words = words[found.end() :]
    while trailer := _TRAILERS.search(words):
        words = words[: trailer.start()]
    return words


def days_meant(words: str, today: date) -> list[date] | None:
    """One day, or two when the words may mean either; None when they are no day."""
    before = False
    while words:
        for pattern, meaning in _PATTERNS:
            if found := pattern.fullmatch(words):
                days = meaning(found, today)
                return [days[0], days[0] - _ONE_DAY] if before else days
        shorter = _TRAILERS.sub("", words)
        if shorter == words:
            filler = _FILLERS.match(words)
            if filler is None:
                return None
            before = before or words.startswith(("truoc ", "before "))
            shorter = words[filler.end() :]
        words = shorter
    return None


Meaning = Callable[[re.Match[str], date], list[date]]
_PATTERNS: list[tuple[re.Pattern[str], Meaning]] = []


def _means(*patterns: str) -> Callable[[Meaning], Meaning]:
    def keep(meaning: Meaning) -> Meaning:
        _PATTERNS.extend((re.compile(pattern, re.ASCII), meaning) for pattern in patterns)
        return meaning

    return keep


def _valid(year: int, month: int, day: int) -> date:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise UserError("dates-no-such-year", year=str(year))
    if not 1 <= month <= _MONTHS:
        raise UserError("dates-no-such-month", month=str(month))
    longest = monthrange(_LEAP_YEAR, month)[1]
    if not 1 <= day <= longest:
        written = f"{day}/{month}"
        raise UserError("dates-never-such-day", day=written, month=str(month), last=str(longest))
    try:
        return date(year, month, day)
    except ValueError:
        raise UserError("dates-no-such-day", day=f"{day}/{month}", year=str(year)) from None


def _month_from(today: date, ahead: int) -> tuple[int, int]:
    index = today.year * 12 + today.month - 1 + ahead
    return index // 12, index % 12 + 1


def _last_of(year: int, month: int) -> date:
    following, after = _month_from(date(year, month, 1), 1)
    return date(following, after, 1) - _ONE_DAY


def _monday(today: date, weeks: int = 0) -> date:
    return today - timedelta(days=today.weekday()) + weeks * _WEEK


_NAMED = {
    "hom qua": -1, "yesterday": -1, "hom kia": -2, "hom nay": 0, "nay": 0, "bua nay": 0,
    "ngay nay": 0, "hom THIS": 0, "today": 0, "bay gio": 0, "now": 0, "mai": 1, "ngay mai": 1,
    "bua mai": 1, "hom mai": 1, "tomorrow": 1, "MOT": 2, "mot": 2, "ngay MOT": 2, "bua mot": 2,
    "bua MOT": 2, "kia": 2, "ngay kia": 2, "bua kia": 2, "day after tomorrow": 2,
    "the day after tomorrow": 2, "KIA": 3, "ngay KIA": 3,
}  # fmt: skip


@_means("|".join(map(re.escape, _NAMED)))
def _named(found: re.Match[str], today: date) -> list[date]:
    return [today + timedelta(days=_NAMED[found[0]])]


@_means("ngay mot")
def _day_one_or_after_tomorrow(_: re.Match[str], today: date) -> list[date]:
    """Without accents "ngày mốt" and "ngày một" are the same letters."""
    year, month = _month_from(today, 1)
    return [today + timedelta(days=2), today if today.day == 1 else date(year, month, 1)]


@_means(
    rf"{PREFIX}(?P<n>{NUMBER}|nua) ?"
    rf"(?P<unit>ngay|hom|bua|days?|tuan|weeks?|thang|months?|nam|years?){SUFFIX}"
)
def _from_today(found: re.Match[str], today: date) -> list[date]:
    unit, half = found["unit"], found["n"] == "nua"
    if half:
        return [today + timedelta(days=15 if unit.startswith(("thang", "month")) else 4)]
    amount = number(found["n"])
    if unit.startswith(("thang", "month", "nam", "year")):
        year, month = _month_from(today, amount * (12 if unit.startswith(("nam", "y")) else 1))
        first = _valid(year, month, 1)
        return [min(first + timedelta(days=today.day - 1), _last_of(year, month))]
    return [today + amount * (_WEEK if unit.startswith(("tuan", "week")) else _ONE_DAY)]


# Weekdays and weeks

_DAY_NAMES = {
    "2": 0, "hai": 0, "3": 1, "ba": 1, "4": 2, "tu": 2, "5": 3, "nam": 3, "6": 4, "sau": 4,
    "7": 5, "bay": 5, "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4,
    "saturday": 5, "sunday": 6, "chu nhat": 6, "cn": 6,
}  # fmt: skip
_WEEKDAY = (
    r"(?:ngay )?(?:(?:thu |thu|t)(?P<wd>[2-7]|hai|ba|tu|nam|sau|bay)|"
    r"(?P<named>chu nhat|cn|monday|tuesday|wednesday|thursday|friday|saturday|sunday))"
)
_THIS = r"(?:nay|THIS)"
_NEXT = r"(?:sau|toi|NEXT|ke|ke tiep|tiep theo)"


def _weekday(found: re.Match[str]) -> int:
    return _DAY_NAMES[found["wd"] or found["named"]]


def _coming(today: date, weekday: int) -> date:
    """Today counts."""
    return today + timedelta(days=(weekday - today.weekday()) % 7)


@_means(_WEEKDAY)
def _next_weekday(found: re.Match[str], today: date) -> list[date]:
    day = _coming(today, _weekday(found))
    return [day] if day > today else [day + _WEEK, day]


@_means(rf"{_WEEKDAY} {_THIS}", rf"this {_WEEKDAY}")
def _this_weekday(found: re.Match[str], today: date) -> list[date]:
    return [_coming(today, _weekday(found))]


@_means(rf"{_WEEKDAY} (?:cua )?tuan {_THIS}", rf"{_WEEKDAY} this week")
def _weekday_this_week(found: re.Match[str], today: date) -> list[date]:
    return [_monday(today) + timedelta(days=_weekday(found))]


@_means(
    rf"{_WEEKDAY} (?:cua )?tuan {_NEXT}(?P<again> nua)?",
    rf"{_WEEKDAY} next week(?P<again>!)?",
)
def _weekday_next_week(found: re.Match[str], today: date) -> list[date]:
    weeks = 2 if found["again"] else 1
    return [_monday(today, weeks) + timedelta(days=_weekday(found))]


@_means(rf"{_WEEKDAY} {_NEXT}", rf"next {_WEEKDAY}")
def _weekday_to_come(found: re.Match[str], today: date) -> list[date]:
    """The coming one, or the one of next week: people mean either."""
    weekday = _weekday(found)
    soonest = _coming(today + _ONE_DAY, weekday)
    return [soonest, _monday(today, 1) + timedelta(days=weekday)]


@_means(rf"{_WEEKDAY} (?:ngay )?(?P<rest>.*\d.*)")
def _weekday_and_date(found: re.Match[str], today: date) -> list[date]:
    """Both named: they must agree."""
    days = days_meant(found["rest"], today)
    if days is None:
        raise not_understood(today)
    agreeing = [day for day in days if day.weekday() == _weekday(found)]
    if not agreeing:
        raise UserError("dates-weekday-differs", day=days[0])
    return agreeing


@_means(rf"tuan {_NEXT}", "next week")
def _next_week(_: re.Match[str], today: date) -> list[date]:
    return [_monday(today, 1), today + _WEEK]


@_means(
    r"(?P<part>dau|giua|cuoi|het) tuan(?: (?P<which>nay|THIS|sau|toi|NEXT))?",
    r"(?P<which>this |next |the )?(?P<part>weekend)",
    r"(?P<part>end|beginning|start) of (?:the )?(?P<which>this |next )?week",
)
def _part_of_week(found: re.Match[str], today: date) -> list[date]:
    which = (found["which"] or "").strip()
    week = _monday(today, 1 if which in ("sau", "toi", "NEXT", "next") else 0)
    if found["part"] in ("dau", "beginning", "start"):
        start = week if week >= today or which else week + _WEEK
        return [start] if start > today or which else [start + _WEEK, start]
    if found["part"] == "giua":
        return [week + timedelta(days=2) if which or today.weekday() < 3 else week + 9 * _ONE_DAY]
    friday, saturday, sunday = (week + timedelta(days=n) for n in (_FRIDAY, _SATURDAY, _SUNDAY))
    if today > friday:
        return [sunday, friday + _WEEK]
    return [friday, saturday]


# Months, quarters, years

_WORDED_YEAR = r"(?: nam (?P<year>\d{4}|sau|toi|NEXT|nay|THIS))"


def _year(said: str | None, today: date) -> int | None:
    if said is None:
        return None
    if said.isdecimal():
        return int(said) + (2000 if len(said) == 2 else 0)
    return today.year + (0 if said in ("nay", "THIS") else 1)


def _in_month(day: int, month: int, year: int | None, today: date) -> date:
    """Without a year, the next one to come."""
    if year is not None:
        return _valid(year, month, day)
    this = _valid(today.year, month, day) if (month, day) != (2, 29) else None
    if this is None or this < today:
        return _valid(today.year + (this is not None), month, day)
    return this


@_means(
    r"(?:ngay |mung |mong )?(?P<day>\d{1,2})[/.-](?P<month>\d{1,2})"
    r"(?:[/.-](?P<year>\d{4}|\d{2})| nam (?P<year2>\d{4}|sau|toi|NEXT|nay|THIS))?"
)
def _numbers(found: re.Match[str], today: date) -> list[date]:
    year = _year(found["year"] or found["year2"], today)
    return [_in_month(int(found["day"]), int(found["month"]), year, today)]


@_means(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})")
def _iso(found: re.Match[str], _: date) -> list[date]:
    return [_valid(int(found["year"]), int(found["month"]), int(found["day"]))]


@_means(
    rf"(?:ngay |mung |mong )*(?P<day>{NUMBER}) thang (?P<month>{_MONTH_NUMBER}){_WORDED_YEAR}?",
    rf"(?:ngay |mung |mong )*(?P<day>{NUMBER}) thang (?P<month>{_MONTH_NUMBER})"
    r"(?:/| |-)(?P<year>\d{4})",
)
def _worded(found: re.Match[str], today: date) -> list[date]:
    day, month = number(found["day"]), number(found["month"])
    return [_in_month(day, month, _year(found["year"], today), today)]


@_means(
    rf"(?:ngay |mung |mong )+(?P<day>{NUMBER})"
    r"(?: thang (?P<which>nay|THIS|sau|toi|NEXT))?",
    rf"(?P<day>{NUMBER}) thang (?P<which>nay|THIS|sau|toi|NEXT)",
)
def _of_a_month(found: re.Match[str], today: date) -> list[date]:
    day, which = number(found["day"]), found["which"]
    ahead = int(day < today.day) if which is None else int(which not in ("nay", "THIS"))
    june = [_in_month(day, 6, None, today)] if which == "sau" else []
    return [_valid(*_month_from(today, ahead), day), *june]


_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTH_NAMES)})[a-z]*"
_ORDINAL = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"


@_means(
    rf"(?:the )?{_ORDINAL} (?:of )?{_MONTH}(?: (?P<year>\d{{4}}))?",
    rf"{_MONTH} (?:the )?{_ORDINAL}(?: (?P<year>\d{{4}}))?",
)
def _english(found: re.Match[str], today: date) -> list[date]:
    month = _MONTH_NAMES.index(found["month"]) + 1
    return [_in_month(int(found["day"]), month, _year(found["year"], today), today)]


_PART = r"(?P<part>dau|giua|cuoi|het)"
_END = r"(?:the )?(?P<part>end|beginning|start|middle) of (?:the )?(?P<which>this |next )?"


@_means(
    rf"{_PART} thang(?: (?P<which>nay|THIS|sau|toi|NEXT))?",
    rf"{_PART} thang (?P<month>{_MONTH_NUMBER})(?:{_WORDED_YEAR}|/(?P<year2>\d{{4}}))?",
    rf"{_END}month",
)
def _part_of_month(found: re.Match[str], today: date) -> list[date]:
    said = found.groupdict()
    which = (said.get("which") or "").strip()
    year, month = _month_from(today, int(which in ("sau", "toi", "NEXT", "next")))
    named = said.get("month")
    fixed = _year(said.get("year") or said.get("year2"), today)
    if named:
        year, month = fixed or today.year, number(named)
    _valid(year, month, 1)
    day = _place(found["part"], date(year, month, 1), _last_of(year, month))
    if day < today and not which and fixed is None:
        year, month = (year + 1, month) if named else _month_from(today, 1)
        day = _place(found["part"], date(year, month, 1), _last_of(year, month))
    return [day]


def _place(part: str, first: date, last: date) -> date:
    if part in ("dau", "beginning", "start"):
        return first
    return last if part in ("cuoi", "het", "end") else first + timedelta(days=14)


@_means(rf"(?P<part>dau|cuoi|het) quy(?: (?P<n>[1-4]|i|ii|iii|iv|{_THIS}|{_NEXT}))?")
def _part_of_quarter(found: re.Match[str], today: date) -> list[date]:
    current, said = (today.month - 1) // 3, found["n"]
    roman = {"i": 0, "ii": 1, "iii": 2, "iv": 3, "1": 0, "2": 1, "3": 2, "4": 3}
    ahead = 0 if said is None or said in ("nay", "THIS") else 1
    quarter = roman[said] if said in roman else current + ahead
    for later in (0, 12):
        year, month = _month_from(date(today.year, 1, 1), 3 * quarter + later)
        last = _last_of(*_month_from(date(year, month, 1), 2))
        day = _place(found["part"], date(year, month, 1), last)
        if day >= today:
            break
    return [day]


@_means(r"(?P<part>dau|cuoi|het) nam(?: (?P<which>nay|THIS|sau|toi|NEXT|\d{4}))?", rf"{_END}year")
def _part_of_year(found: re.Match[str], today: date) -> list[date]:
    which = (found["which"] or "").strip()
    year = _year(which, today) if which and which != "this" else today.year
    assert year is not None
    day = _place(found["part"], _valid(year, 1, 1), _valid(year, 12, 31))
    if day < today and not which:
        day = _place(found["part"], date(year + 1, 1, 1), date(year + 1, 12, 31))
    return [day]


@_means(
    rf"(?:thang|tuan|nam|quy) {_THIS}", rf"thang (?:{_NEXT}|{NUMBER})", rf"nam {_NEXT}",
    rf"thang {NUMBER}{_WORDED_YEAR}", r"\d{1,2}[/.-]\d{4}", r"nam \d{4}",
    r"(?:this|next) (?:month|year)", "this week",
)  # fmt: skip
def _too_wide(_: re.Match[str], today: date) -> list[date]:
    raise UserError("dates-which-day", example=example(today))
