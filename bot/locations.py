"""A place shared from a telephone's map, as words an officer can read and open."""

from __future__ import annotations

from aiogram.types import Message

from bot import i18n
from bot.text import tidy


def place_of(message: Message, locale: str) -> str:
    """One line: the place's name where it has one, its position, a link. Empty without a place."""
    if message.location is None:
        return ""
    latitude, longitude = message.location.latitude, message.location.longitude
    position = f"{latitude:.6f}, {longitude:.6f}"
    if message.venue is not None:
        position = f"{tidy(message.venue.title)}, {tidy(message.venue.address)} ({position})"
    link = f"https://www.openstreetmap.org/?mlat={latitude:.6f}&mlon={longitude:.6f}"
    return i18n.say(locale, "opinion-place", position=position, link=link)
