"""Who a person is: checked as it is typed, sealed in a row of its own, forgotten with its key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import UserError
from bot.text import tidy
from bot.vault import Vault
from storage.models.base import new_id
from storage.models.people import Person

LONGEST_NAME = 100
LONGEST_ADDRESS = 300
_VIETNAM = 84


def checked_name(typed: str) -> str:
    """Raises UserError unless it is a name of 2 to 100 letters without digits."""
    name = " ".join(tidy(typed).split())
    if not 2 <= len(name) <= LONGEST_NAME or any(letter.isdigit() for letter in name):
        raise UserError("identity-bad-name", longest=LONGEST_NAME)
    return name


def checked_telephone(typed: str) -> str:
    """As people here write it, 0912 345 678; a foreign one with its country. Raises UserError."""
    # Imported here because it takes a tenth of a second and most commands check no number.
    import phonenumbers

    try:
        number = phonenumbers.parse(tidy(typed), "VN")
    except phonenumbers.NumberParseException:
        raise UserError("identity-bad-telephone") from None
    if not phonenumbers.is_possible_number(number):
        raise UserError("identity-bad-telephone")
    form = phonenumbers.PhoneNumberFormat
    at_home = number.country_code == _VIETNAM
    return phonenumbers.format_number(number, form.NATIONAL if at_home else form.INTERNATIONAL)


def checked_address(typed: str) -> str:
    """Raises UserError when it is too short to find or too long."""
    address = " ".join(tidy(typed).split())
    if not 8 <= len(address) <= LONGEST_ADDRESS:
        raise UserError("identity-bad-address", longest=LONGEST_ADDRESS)
    return address


# Sealed


def new_person(session: AsyncSession, vault: Vault, now: datetime) -> Person:
    person = Person(id=new_id(), wrapped_key=vault.new_person_key(), made_at=now)
    session.add(person)
    return person


def seal_identity(
    vault: Vault, person: Person, *, name: str = "", telephone: str = "", postal_address: str = ""
) -> None:
    """Seals each value given into the person's row. Raises UserError on a forgotten person."""
    if person.wrapped_key is None:
        raise UserError("common-start-again")
    given = {"name": name, "telephone": telephone, "postal_address": postal_address}
    for column, value in given.items():
        if value:
            place = f"people.{column}:{person.id}"
            setattr(person, column, vault.seal(person.wrapped_key, value, place))


def identity(vault: Vault, person: Person | None) -> dict[str, str]:
    """{name, telephone, postal_address}; empty once the person was forgotten."""
    if person is None or person.wrapped_key is None:
        return {}
    known = {}
    for column in ("name", "telephone", "postal_address"):
        sealed = getattr(person, column)
        if sealed:
            known[column] = vault.unseal(
                person.wrapped_key, sealed, f"people.{column}:{person.id}"
            )
    return known


def forget(person: Person, now: datetime) -> None:
    """Destroys the key: what is sealed can never be read again."""
    person.wrapped_key = None
    person.name = person.telephone = person.postal_address = person.chat_address = None
    person.forgotten_at = now
