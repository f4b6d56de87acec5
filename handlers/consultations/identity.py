"""Names, telephones and addresses as people type them: checked with a sentence that helps."""

from __future__ import annotations

import phonenumbers

from bot.replies import UserError
from bot.text import tidy

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
