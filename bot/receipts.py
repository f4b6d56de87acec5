"""The code a person keeps of what they filed: read aloud easily, never stored as it is."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import re
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import segno
from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.limits import Limit, refuse_beyond
from bot.vault import Vault
from storage.models.base import new_id
from storage.models.consultations import Receipt

WRONG_CODES = Limit("receipt", 5, minutes=10)
"""Five wrong codes from one source, then a pause. None for all sources together: whoever reached
that would lock everybody out, and 90 random bits are not guessed however many try."""

# Crockford's base32: no I, L, O, which look like digits, and no U.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_MISREAD = str.maketrans("OIL", "011")

_RANDOM_LETTERS = 18
_CHECK_LETTERS = 2
_CODE_LETTERS = _RANDOM_LETTERS + _CHECK_LETTERS
_GROUP = 4

# A code read as one number leaves 1 when divided by the largest prime two letters can hold.
# A changed letter moves that number by v*32^i and two exchanged neighbours by v*31*32^i, with
# 0 < v < 32: never a multiple of the prime. The 1 keeps a row of zeros from being a code.
_PRIME = 1021
_REMAINDER = 1

_SEPARATORS = re.compile(r"[\W_]+")
_SLIP = 2
_LONGEST = 60
"""A longer text is no code, however it is written; every message is asked whether it is one."""

_MEMORY_KIB = 8 * 1024
_PASSES = 1
_QR_PIXELS = 400
_QUIET_ZONE = 4


def new_code() -> str:
    """Five groups of four, "7K3F-…": 90 random bits and two letters that catch slips."""
    drawn = secrets.randbits(5 * _RANDOM_LETTERS) << (5 * _CHECK_LETTERS)
    number = drawn + (_REMAINDER - drawn) % _PRIME
    letters = (_LETTERS[number >> (5 * place) & 31] for place in reversed(range(_CODE_LETTERS)))
    return _grouped("".join(letters))


def tidy_code(typed: str) -> str | None:
    """The code as we print it, or None when it cannot be one.

    Takes any case and any separators or none, O for 0, I and L for 1. Every single wrong letter
    and every exchange of neighbours is refused, other slips in 1020 cases of 1021. A keyboard
    that writes Vietnamese turns "AA" into "Â": such a code is refused as well.
    """
    if len(typed) > _LONGEST:
        return None
    letters = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed)).upper()
    letters = letters.translate(_MISREAD)
    if len(letters) != _CODE_LETTERS or not _VALUES.keys() >= set(letters):
        return None
    number = 0
    for letter in letters:
        number = number * 32 + _VALUES[letter]
    return _grouped(letters) if number % _PRIME == _REMAINDER else None


def _grouped(letters: str) -> str:
    return "-".join(letters[i : i + _GROUP] for i in range(0, len(letters), _GROUP))


def looks_like_code(text: str) -> bool:
    """Whether somebody seems to mean a code, right or not: worth answering "please check it".

    A wrong one is known by its length, give or take two, and by digits among the letters of a
    group, which "nam 2026 thi dua khen" does not have.
    """
    if len(text) > _LONGEST:
        return False
    if tidy_code(text):
        return True
    groups = [group for group in _SEPARATORS.split(text.strip()) if group]
    size = sum(map(len, groups))
    shape = len(groups) == 1 or all(abs(len(group) - _GROUP) <= 1 for group in groups)
    mixed = sum(
        group.isascii() and not group.isalpha() and not group.isdigit() for group in groups
    )
    return abs(size - _CODE_LETTERS) <= _SLIP and shape and mixed >= min(2, len(groups))


def digest(code: str, pepper: bytes) -> bytes:
    """32 bytes to store and find again by equality; takes a code as `tidy_code` returns it.

    Argon2id, 8 MiB, one pass, one lane, after an HMAC with the pepper: about 6 ms, blocking, so
    callers use asyncio.to_thread. The salt is the same for all codes because a row must be found
    by its digest; each code is random, so equal digests do not occur and no table can be made
    without the pepper. 90 random bits are already beyond guessing: the hash only makes each guess
    dear (8 MiB) should table and pepper both be stolen, and stays light enough to be no weapon
    against the server itself.
    """
    if tidy_code(code) != code:
        raise ValueError("digest takes a code as tidy_code returns it")
    return _ALONE.submit(_argon2, code, pepper).result()


_ALONE = ThreadPoolExecutor(1, "receipts")
"""One at a time: a flood of codes costs 8 MiB, not 8 MiB for each thread."""


def _argon2(code: str, pepper: bytes) -> bytes:
    return hash_secret_raw(
        secret=hmac.new(pepper, code.encode(), hashlib.sha256).digest(),
        salt=hmac.new(pepper, b"receipt salt", hashlib.sha256).digest()[:16],
        time_cost=_PASSES,
        memory_cost=_MEMORY_KIB,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )


def qr_png(payload: str) -> bytes:
    """Black on white with its quiet zone, about 400 pixels wide."""
    code = _qr(payload)
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=_scale(code), border=_QUIET_ZONE, light="white")
    return picture.getvalue()


def qr_svg(payload: str) -> str:
    """The same as an <svg> element to put into a page; what it means is said beside it."""
    code = _qr(payload)
    return code.svg_inline(scale=_scale(code), border=_QUIET_ZONE, light="white")


def _qr(payload: str) -> segno.QRCode:
    return segno.make_qr(payload, error="m")


def _scale(code: segno.QRCode) -> int:
    width, _ = code.symbol_size(border=_QUIET_ZONE)
    return max(1, round(_QR_PIXELS / int(width)))


# Codes of what was filed


async def issue(
    session: AsyncSession, vault: Vault, kind: str, subject_id: str, now: datetime
) -> str:
    """Makes a code for something filed; earlier codes of it stay good."""
    code = new_code()
    hashed = await asyncio.to_thread(digest, code, vault.pepper())
    session.add(
        Receipt(id=new_id(), digest=hashed, subject_kind=kind, subject_id=subject_id, made_at=now)
    )
    return code


async def find(session: AsyncSession, vault: Vault, typed: str) -> Receipt | None:
    """The receipt of a code; None for every code that opens nothing, mistyped or never made.

    Callers count misses as WRONG_CODES, and refuse by `refuse_guessing` before they look. Either
    answer costs the same time.
    """
    code = tidy_code(typed)
    hashed = await asyncio.to_thread(digest, code or new_code(), vault.pepper())
    found: Receipt | None = await session.scalar(select(Receipt).where(Receipt.digest == hashed))
    return found if code else None


async def refuse_guessing(session: AsyncSession, source: bytes, now: datetime) -> None:
    """Raises UserError when this source has guessed wrong too often of late."""
    await refuse_beyond(session, WRONG_CODES, source, now)


PASS_SECONDS = 1800
"""How long a page opened with a code can be acted on before the code must be typed again."""


def sign_pass(vault: Vault, receipt: Receipt) -> str:
    """In place of the code wherever an address or a page must name the receipt."""
    return vault.sign("receipt-pass", receipt.id)


async def passed(session: AsyncSession, vault: Vault, signed: str, kind: str) -> Receipt | None:
    """None when the pass is forged, too old, or of a receipt of another kind."""
    receipt_id = vault.unsign("receipt-pass", signed, PASS_SECONDS)
    receipt = await session.get(Receipt, receipt_id) if receipt_id else None
    return receipt if receipt is not None and receipt.subject_kind == kind else None
