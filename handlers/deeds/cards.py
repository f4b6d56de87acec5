"""The card of an exemplar: what its link shows on other sites, in chat and in a feed."""

from __future__ import annotations

from bot import i18n, pictures, places
from handlers.deeds.publication import Words
from storage.models.deeds import Deed, DeedField
from storage.models.office import Office


def describe(
    locale: str, deed: Deed, words: Words, field: DeedField | None, office: Office
) -> str:
    """For `bot.pictures.png`."""
    name = "" if field is None else field.name_en if locale == "en" else field.name_vi
    return pictures.card(
        locale, i18n.say(locale, "exemplar-card-label"), words.title, words.lead,
        " · ".join(filter(None, (place_name(deed), name))), office.name,
    )  # fmt: skip


def place_name(deed: Deed) -> str:
    """Commune and province; "" where neither is known."""
    return place_of(deed.province, deed.commune)


def place_of(province: str, commune: str) -> str:
    place = places.by_code(commune) or places.by_code(province)
    return places.full_name(place) if place else ""
