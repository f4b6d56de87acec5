"""On which day something told has happened, as people say it: always one gone by."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, timedelta

from bot import dates
from bot.clock import local_day
from bot.replies import UserError
from bot.text import fold

_YEAR = re.compile(r"(?:19|20)\d\d")
_WEEKDAY = re.compile(r"\b(?:thu|chu nhat|cn|t[2-7]|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b")


def day_gone_by(words: str, now: datetime) -> date | None:
    """The day meant, of those gone by; None where the words name none. "20/11" is the last one
    and "Friday" last Friday: what is told has happened. Raises UserError for a day to come."""
    try:
        read = dates.understand(words, now)
    except UserError:
        return None
    today = local_day(now)
    meant = [one.day for one in (read, read.other) if one is not None]
    if past := [day for day in meant if day <= today]:
        return max(past)
    if _WEEKDAY.search(fold(words)):
        return min(meant) - timedelta(days=7)
    if _YEAR.search(words) or not any(letter.isdigit() for letter in words):
        raise UserError("tell-still-to-come")
    return _last(min(meant), today)


def _last(day: date, today: date) -> date | None:
    """The same day of the last year that had it."""
    for year in range(today.year, today.year - 9, -1):
        with suppress(ValueError):
            if (candidate := day.replace(year=year)) <= today:
                return candidate
    return None
