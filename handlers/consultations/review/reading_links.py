"""Private links for what must not travel through a chat: identities, matters, evidence.

They last ten minutes, name the officer and one object, and are checked against the officer's
row when they are opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.vault import Vault

LASTS_SECONDS = 600
_PURPOSE = "officer-reading"


@dataclass(frozen=True)
class Reading:
    kind: str
    """`identity`, `file`, `matter` or `matter-file`."""
    officer_id: str
    object_id: str
    detail: str
    """A file's id, or the key of the button that said what an identity is read for."""


def sign(
    vault: Vault, site: str, officer_id: str, kind: str, object_id: str, detail: str = ""
) -> str:
    """The whole address; `site` is the public one, without a slash at its end."""
    signed = vault.sign(_PURPOSE, "|".join((kind, officer_id, object_id, detail)))
    return f"{site}/officer/read/{signed}"


def unsign(vault: Vault, signed: str) -> Reading | None:
    """None when forged or too old."""
    value = vault.unsign(_PURPOSE, signed, LASTS_SECONDS)
    return Reading(*value.split("|")) if value else None
