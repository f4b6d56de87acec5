"""Dates and hours as people type them in Vietnamese, and a little English; pure, never guessing.

`understand("5h chiều thứ sáu", now)` is a day and perhaps an hour. What may mean two things
carries the other in `other`; what has gone by says so in `past`. Whoever asked reads it back
before it counts. Accents may be missing: where they tell two words apart, they decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from bot import day_words
from bot.clock import VIETNAM, end_of_day, local_day
from bot.replies import UserError
from bot.text import fold, tidy

LONGEST = 80
"""Characters; whoever writes more is not naming a date."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Understood:
    """A day in Vietnam, with an hour when one was named."""

    day: date
    at: time | None = None
    past: bool = False
    """It has gone by already."""
    other: Understood | None = None
    """What else the words may mean; the reader must be asked which."""

    @property
    def is_ambiguous(self) -> bool:
        return self.other is not None

    def instant(self, hour: time) -> datetime:
        """At the hour that was named, or else at this one."""
        return datetime.combine(self.day, self.at or hour, VIETNAM).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """As a deadline: the hour that was named, or else 24:00 of the day."""
        return end_of_day(self.day) if self.at is None else self.instant(self.at)


def understand(text: str, now: datetime) -> Understood:
    """Raises UserError when it is no date, or one that does not exist; the sentence says what
    to write. A day without its year is the next one to come."""
    words = _words(text)
    if len(text) > LONGEST or not words:
        raise day_words.not_understood(local_day(now))
    if _LUNAR.search(words):
        raise UserError("dates-lunar", example=day_words.example(local_day(now)))
    read = _in_a_while(words, now) or _day_and_hour(words, now)
    if read is None:
        raise day_words.not_understood(local_day(now))
    if read.other and (read.other.day, read.other.at) == (read.day, read.at):
        read = replace(read, other=None)
    other = replace(read.other, past=_is_past(read.other, now)) if read.other else None
    return replace(read, past=_is_past(read, now), other=other)


def _is_past(read: Understood, now: datetime) -> bool:
    return read.end <= now


# Words: folded, but for those that only their accents tell apart

_TOLD_APART = {
    "tới": "NEXT", "tối": "EVE", "tôi": "ME", "này": "THIS", "sáu": "6", "mốt": "MOT",
    "một": "1", "kìa": "KIA", "tư": "4", "từ": "FROM",
}  # fmt: skip
_LUNAR = re.compile(r"\b(?:tet|am lich|al|ram|giao thua|thang chap|thang gieng)\b")


def _words(text: str) -> str:
    kept = unicodedata.normalize("NFKC", tidy(text)).lower().replace("–", "-")
    kept = re.sub(r"[,;()\"'“”?!]", " ", kept)
    kept = re.sub(r"(?<=\d)\s*([/:.-])\s*(?=\d)", r"\1", kept)
    apart = _TOLD_APART | ({"sau": "NEXT"} if fold(kept) != " ".join(kept.split()) else {})
    words = (apart.get(word) or fold(word) for word in kept.rstrip(" .").split())
    return " ".join(word for word in words if word)


# The hour, and what is left

_HOURS = re.compile(
    r"(?<![\d/.:-])(?P<hour>\d{1,2})(?:"
    r":(?P<minute>\d{2})(?::00)?(?P<half1> ?[ap]m)?|"
    r" ?(?:h|g|gio)(?: ?(?P<minute2>\d{1,2})(?![\d/.:-])(?: ?(?:p|ph|phut)\b)?"
    r"|(?P<half> ruoi)| kem (?P<less>\d{1,2})(?: phut)?)?|"
    r" ?(?P<half2>[ap]m))(?![a-zA-Z:])"
)
_WORDED_HOUR = re.compile(rf"\b(?P<hour>{day_words.UNIT}|muoi(?: (?:mot|MOT|1|hai))?) gio\b")
_PERIOD = re.compile(
    r"(?:\bbuoi )?\b(?:(?P<period>sang som|sang|trua|chieu|EVE|dem|khuya|this morning|in the "
    r"morning|morning|in the afternoon|this afternoon|afternoon|in the evening|evening|tonight"
    r"|noon)\b|(?<!tuan )(?<!thang )(?<!nam )(?<!quy )(?<!\bt\d )(?<!thu \d )(?P<eve>toi)\b)"
)
_ENGLISH_PERIODS = {"morning": "sang", "afternoon": "chieu", "evening": "EVE", "noon": "trua"}
_WITHOUT_HOUR = {
    "sang": time(8), "trua": time(12), "chieu": time(14), "EVE": time(19), "dem": time(21),
}  # fmt: skip
"""Where only a part of the day was named: said aloud, and offered against the whole day."""


def _day_and_hour(words: str, now: datetime) -> Understood | None:
    """ "8h 15 thang 3" has its minutes first, and when that leaves no day, its fifteenth."""
    refusal = None
    for minutes in (True, False):
        clock, rest = _take_hour(words, minutes)
        period, rest = _take_period(rest)
        try:
            read = _joined(clock, period, rest, now)
        except UserError as error:
            refusal = refusal or error
            continue
        if read is not None:
            return read
    if refusal:
        raise refusal
    return None


def _take_hour(words: str, minutes: bool) -> tuple[tuple[int, int | None, str] | None, str]:
    """(hour, minute if it was said, am or pm) and the words without it."""
    found = _HOURS.search(words)
    if found is None:
        worded = _WORDED_HOUR.search(words)
        if worded is None:
            return None, words
        return (day_words.number(worded["hour"]), None, ""), _without(
            words, worded.start(), worded.end()
        )
    end, minute = found.end(), found["minute"] or found["minute2"]
    if found["minute2"] and not minutes:
        end, minute = found.start("minute2"), None
    hour = int(found["hour"])
    half = (found["half1"] or found["half2"] or "").strip()
    if found["half"]:
        minute = "30"
    if found["less"]:
        hour, minute = hour - 1, str(60 - int(found["less"]))
    precise = found["minute"] is not None or found["hour"].startswith("0")
    said = int(minute) if minute is not None else (0 if precise else None)
    return (hour, said, half or ("24" if precise else "")), _without(words, found.start(), end)


def _take_period(words: str) -> tuple[str, str]:
    found = _PERIOD.search(words)
    if found is None:
        return "", words
    if found["eve"]:
        return "EVE", _without(words, found.start(), found.end())
    period = found["period"].replace("sang som", "sang").replace("khuya", "dem")
    if period == "tonight":
        return "EVE", "nay"
    english = next((ours for word, ours in _ENGLISH_PERIODS.items() if word in period), "")
    today = " today" if period.startswith("this ") else ""
    return english or period, _without(words, found.start(), found.end()) + today


def _without(words: str, start: int, end: int) -> str:
    return " ".join(f"{words[:start]} {words[end:]}".split())


def _joined(
    clock: tuple[int, int | None, str] | None, period: str, rest: str, now: datetime
) -> Understood | None:
    if clock is None and not period:
        days = day_words.days_meant(rest, local_day(now))
        return _either([(day, None) for day in days]) if days else None
    rest = day_words.stripped(rest)
    days = day_words.days_meant(rest, local_day(now))
    if days is None and rest:
        return None
    if clock is None:
        days = days or [local_day(now)]
        return _either([(days[0], _WITHOUT_HOUR[period]), (days[0], None)])
    hours = _hours(*clock, period, now)
    if days is None:
        return _either([_next(hour, now) for hour in hours])
    found = [_on(day, hour) for day in days for hour in hours]
    return _either(found if len(hours) == 1 or len(days) == 1 else [found[0], found[-1]])


def _either(found: Sequence[tuple[date, time | None]]) -> Understood:
    first, *others = (Understood(day, at) for day, at in found)
    return replace(first, other=others[0] if others else None)


def _on(day: date, minutes: int) -> tuple[date, time]:
    """24:00 is the next day's beginning."""
    moment = datetime.combine(day, time(), VIETNAM) + timedelta(minutes=minutes)
    return moment.date(), moment.time()


def _next(minutes: int, now: datetime) -> tuple[date, time]:
    """An hour without a day: today while it is to come, or else tomorrow."""
    today = local_day(now)
    day, at = _on(today, minutes)
    if datetime.combine(day, at, VIETNAM) > now:
        return day, at
    return _on(today + _ONE_DAY, minutes)


def _hours(hour: int, minute: int | None, half: str, period: str, now: datetime) -> list[int]:
    """Minutes of the day, one or two: "5h" may be either side of noon."""
    minute = minute or 0
    if not (0 <= hour <= 24 and 0 <= minute <= 59) or (hour == 24 and minute):
        raise UserError("dates-no-such-hour", hour=f"{hour}:{minute:02}")
    half_days = {"am": "sang", "pm": "chieu"}
    period = half_days.get(half, period)
    if period:
        return [60 * _in_period(hour, period) + minute]
    if 1 <= hour <= 6 and half != "24":
        return [60 * hour + minute, 60 * (hour + 12) + minute]
    return [60 * hour + minute]


_PERIODS: dict[str, dict[int, int]] = {
    "sang": {hour: hour for hour in range(12)} | {12: 0},
    "trua": {10: 10, 11: 11, 12: 12, 1: 13, 13: 13},
    "chieu": {hour: hour for hour in range(12, 20)} | {h: h + 12 for h in range(1, 12)},
    "EVE": {hour: hour for hour in range(17, 25)} | {h: h + 12 for h in range(5, 13)},
    "dem": {hour: hour for hour in range(18, 25)}
    | {h: h for h in range(5)}
    | {h: h + 12 for h in range(8, 13)},
}


def _in_period(hour: int, period: str) -> int:
    try:
        return _PERIODS[period][hour]
    except KeyError:
        raise UserError("dates-no-such-hour", hour=str(hour)) from None


# "in two hours": an instant of its own

_SOON = re.compile(
    rf"{day_words.PREFIX}(?P<n>{day_words.NUMBER}|nua|half an) ?"
    rf"(?P<unit>tieng|gio|hours?|phut|minutes?|mins?)(?: dong ho)?{day_words.SUFFIX}"
)


def _in_a_while(words: str, now: datetime) -> Understood | None:
    found = _SOON.fullmatch(day_words.stripped(words))
    if not found or not (found["before"] or found["after"] or found["unit"] == "tieng"):
        return None
    minutes = 1 if found["unit"].startswith(("phut", "min")) else 60
    amount = 0.5 if found["n"] in ("nua", "half an") else day_words.number(found["n"])
    moment = (now + timedelta(minutes=amount * minutes)).astimezone(VIETNAM)
    return Understood(moment.date(), moment.time().replace(second=0, microsecond=0))
