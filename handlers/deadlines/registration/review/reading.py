"""Private links for what must not travel through a chat: names, and the files.

They last ten minutes, name the officer and one duty, and are checked against the officer's row
when they are opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.vault import Vault

LASTS_SECONDS = 600
_PURPOSE = "officer-registration"


@dataclass(frozen=True)
class Reading:
    officer_id: str
    duty_id: str
    version: int
    file_id: str
    """"" for the whole of what was handed in."""


def sign(
    vault: Vault, site: str, officer_id: str, duty_id: str, version: int, file_id: str = ""
) -> str:
    """The whole address; `site` is the public one, without a slash at its end."""
    value = "|".join((officer_id, duty_id, str(version), file_id))
    return f"{site}/officer/registration/{vault.sign(_PURPOSE, value)}"


def unsign(vault: Vault, signed: str) -> Reading | None:
    """None when forged or too old."""
    value = vault.unsign(_PURPOSE, signed, LASTS_SECONDS)
    if value is None:
        return None
    officer_id, duty_id, version, file_id = value.split("|")
    return Reading(officer_id, duty_id, int(version), file_id)
