"""What an officer's button says: verb, object, version seen, number. It proves nothing."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "r"


@dataclass(frozen=True)
class Press:
    verb: str
    id: str = ""
    seen: str = ""
    n: int = 0


def press(verb: str, id: str = "", seen: str = "", n: int = 0) -> str:
    """At most 64 bytes for verbs up to 20 letters, as ids have 20 and versions 8."""
    return ":".join((PREFIX, verb, id, seen, str(n or ""))).rstrip(":")


def parse(pressed: str) -> Press | None:
    """None for whatever `press` did not make."""
    prefix, *parts = pressed.split(":")
    if prefix != PREFIX or not 1 <= len(parts) <= 4:
        return None
    verb, id, seen, n = (*parts, *[""] * (4 - len(parts)))
    if n and not (n.isascii() and n.isdecimal()):
        return None
    return Press(verb, id, seen, int(n or 0))
