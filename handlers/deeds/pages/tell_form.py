"""The form that tells a good deed: what was filled in, checked, and carried signed on its way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot import places
from bot.identity import checked_name, checked_telephone
from bot.places import Place
from bot.replies import Reply, UserError
from bot.text import tidy
from bot.vault import Vault
from bot.web.posted import Held, Posted
from handlers.deeds import forms
from handlers.deeds.days import day_gone_by
from handlers.deeds.forms import Told
from storage.models.base import new_id
from storage.models.deeds import Known, Relation, SubjectKind

KEPT_SECONDS = 24 * 3600
"""How long a form that was read back may wait to be sent; its files are kept longer than that."""
MOST_PLACES = 8
AS_WRITTEN = "as-written"
"""The place is none of those found: what was typed stays."""
_PURPOSE = "deed-form"
Errors = dict[str, Reply]
"""By the name of the field."""


@dataclass(frozen=True)
class Form:
    """A report on its way through the pages. It is nowhere but in the sender's own page."""

    token: str
    """What makes sending twice file once."""
    told: Told = field(default_factory=Told)
    files: Held = ()
    teller: str = ""
    telephone: str = ""
    unit_code: str = ""
    """Of the poster or link that led here."""
    follows: str = ""
    """The exemplar somebody followed."""

    @property
    def file_ids(self) -> list[str]:
        return [file_id for file_id, _ in self.files]


def new_form(unit_code: str = "", follows: str = "") -> Form:
    return Form(new_id(), unit_code=unit_code, follows=follows)


def sign(vault: Vault, form: Form) -> str:
    return vault.sign(_PURPOSE, json.dumps(asdict(form), ensure_ascii=False))


def unsign(vault: Vault, signed: str) -> Form | None:
    """None when it is not ours, or older than a day."""
    held = vault.unsign(_PURPOSE, signed, KEPT_SECONDS)
    if held is None:
        return None
    plain = json.loads(held)
    files = tuple((file_id, name) for file_id, name in plain["files"])
    return Form(**{**plain, "told": Told(**plain["told"]), "files": files})


def filled(form: Form, posted: Posted, now: datetime) -> tuple[Form, Errors, list[Place]]:
    """The form as it was just posted, what must be mended in it, and the places it may mean."""
    errors: Errors = {}
    told = Told(
        kind=_one_of(SubjectKind, posted["kind"], SubjectKind.PERSON),
        field_code=posted["field"],
        groups=[name.removeprefix("group-") for name in posted.fields if name[:6] == "group-"],
        lasting=posted["lasting"] == "yes",
        relation=_one_of(Relation, posted["relation"], Relation.SAW),
        may_show_name=posted["may_show_name"] == "yes",
        agreed=_one_of(Known, posted["agreed"], Known.UNKNOWN),
        child=_one_of(Known, posted["child"], Known.UNKNOWN),
        rewarded=_one_of(Known, posted["rewarded"], Known.UNKNOWN),
    )
    for name in ("what", "outcome", "links"):
        setattr(told, name, _checked(errors, name, posted[name], forms.checked_words))
    told.when = _checked(errors, "when", posted["when"], _short)
    if name := " ".join(tidy(posted["name"]).split()):
        told.name = _checked(errors, "name", name, forms.checked_subject)
    _read_day(told, errors, now)
    found = _read_place(told, posted)
    form = replace(
        form, told=told, files=tuple(one for one in form.files if one[0] in posted.kept),
        **_teller(posted, errors),
    )  # fmt: skip
    if found:
        errors["place"] = Reply("tell_pages-which-place", {"n": len(found)})
    return form, errors, found


def _one_of(kind: type[StrEnum], typed: str, usual: str) -> str:
    return typed if typed in kind.__members__.values() else usual


def _checked(errors: Errors, name: str, typed: str, check: Callable[[str], str]) -> str:
    """What was typed stays where it can be mended."""
    try:
        return check(typed)
    except UserError as error:
        errors[name] = error.reply
        return tidy(typed)


def _short(typed: str) -> str:
    return forms.checked_words(typed, forms.LONGEST_SHORT)


def _read_day(told: Told, errors: Errors, now: datetime) -> None:
    """A day that words name; words that name none are kept as they are."""
    if told.lasting or not told.when or "when" in errors:
        return
    try:
        day = day_gone_by(told.when, now)
    except UserError as error:
        errors["when"] = error.reply
        return
    told.happened_on = day.isoformat() if day else ""


def _read_place(told: Told, posted: Posted) -> list[Place]:
    """Settles it, or returns those among which to choose; what no list knows stays in words."""
    told.place = tidy(posted["place"])[: forms.LONGEST_SHORT]
    chosen = places.by_code(posted["place_code"])
    if chosen is not None and posted["place_typed"] == told.place:
        return _settle(told, chosen)
    if not told.place or posted["place_code"] == AS_WRITTEN:
        return []
    found = places.find(told.place, "", MOST_PLACES)
    return _settle(told, found[0]) if len(found) == 1 else found


def _settle(told: Told, place: Place) -> list[Place]:
    told.province, told.commune = place.province, "" if place.is_province else place.code
    return []


def _teller(posted: Posted, errors: Errors) -> dict[str, str]:
    """A telephone without a name is left out: there is nobody to call."""
    name = " ".join(tidy(posted["teller"]).split())
    telephone = posted["telephone"].strip()
    if not name:
        return {"teller": "", "telephone": ""}
    given = {"teller": _checked(errors, "teller", name, checked_name), "telephone": ""}
    if telephone:
        given["telephone"] = _checked(errors, "telephone", telephone, checked_telephone)
    return given
