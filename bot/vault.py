"""Who a person is, sealed apart from what they said: without the key the person is forgotten."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

SHORTEST_SECRET = 16
CLOCK_SKEW_SECONDS = 60

_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_NONCE_BYTES = 12
# The first byte of everything sealed, so that another cipher can one day stand beside this one.
_FORMAT = b"\x01"


class Unreadable(Exception):
    """The key was destroyed, is not the right one, or the value was altered or moved."""


class Vault:
    """Every key the office needs, derived from its one SECRET_KEY.

    HKDF does not strengthen a weak secret: SECRET_KEY must be random, not a pass phrase. Whoever
    changes it loses all that was sealed, every receipt code and every open session.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970 and dates the signatures."""
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"SECRET_KEY must have at least {SHORTEST_SECRET} random characters.")
        self._wrap = _derive(secret, "wrap")
        self._fingerprint = _derive(secret, "fingerprint")
        self._system = _derive(secret, "system")
        self._tokens = _derive(secret, "tokens")
        self._receipts = _derive(secret, "receipts")
        self._clock = clock

    def new_person_key(self) -> bytes:
        """A fresh key for one person, wrapped: 40 bytes for their row, of no use elsewhere."""
        return aes_key_wrap(self._wrap, secrets.token_bytes(32))

    def seal(self, person_key: bytes, value: str, place: str) -> bytes:
        """`place` says where the value lives ("people.name:<id>"); it opens nowhere else.

        Raises Unreadable when the person's key is gone.
        """
        return _seal(self._unwrap(person_key), value.encode(), place)

    def unseal(self, person_key: bytes, sealed: bytes, place: str) -> str:
        """Raises Unreadable."""
        return _unseal(self._unwrap(person_key), sealed, place).decode()

    def fingerprint(self, purpose: str, value: str) -> bytes:
        """32 bytes, always the same for the same value: finds again what is stored sealed.

        The caller brings `value` to one written form first (a phone number in E.164, text in NFC).
        """
        return _mac(self._fingerprint, purpose, value)

    def seal_system(self, value: bytes, place: str) -> bytes:
        """For what belongs to nobody yet: raw events and queued messages awaiting work."""
        return _seal(self._system, value, place)

    def unseal_system(self, sealed: bytes, place: str) -> bytes:
        """Raises Unreadable."""
        return _unseal(self._system, sealed, place)

    def sign(self, purpose: str, value: str) -> str:
        """Readable by anyone, forged by no one; needs no escaping in a URL or a cookie."""
        body = f"{_to_text(value.encode())}.{int(self._clock())}"
        return f"{body}.{_to_text(_mac(self._tokens, purpose, body))}"

    def unsign(self, purpose: str, signed: str, max_age: int | None) -> str | None:
        """The value, or None when forged, of another purpose, or older than `max_age` seconds.

        `max_age=None` accepts any age.
        """
        body, _, mac = signed.rpartition(".")
        expected = _to_text(_mac(self._tokens, purpose, body)) if signed.isascii() else ""
        if not expected or not hmac.compare_digest(mac.encode(), expected.encode()):
            return None
        value, _, signed_at = body.partition(".")
        age = self._clock() - int(signed_at)
        if max_age is not None and not -CLOCK_SKEW_SECONDS <= age <= max_age:
            return None
        return urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()

    def pepper(self) -> bytes:
        """What receipt digests are keyed with: a stolen table alone opens no receipt."""
        return self._receipts

    def _unwrap(self, person_key: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._wrap, person_key)
        except InvalidUnwrap:
            raise Unreadable("the person's key is gone or is not ours") from None


def new_id(length_bits: int = 100) -> str:
    """A random id in lower-case base32, 20 characters for 100 bits: it tells no order."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(math.ceil(length_bits / 5)))


def _derive(secret: str, purpose: str) -> bytes:
    info = f"neuguong 1 {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())


def _seal(key: bytes, value: bytes, place: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORMAT + nonce + AESGCM(key).encrypt(nonce, value, place.encode())


def _unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    if sealed[:1] != _FORMAT or len(sealed) <= 1 + _NONCE_BYTES:
        raise Unreadable("this was not sealed here")
    nonce, locked = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, locked, place.encode())
    except InvalidTag:
        raise Unreadable("altered, moved from its place, or sealed with another key") from None


def _mac(key: bytes, purpose: str, value: str) -> bytes:
    """The purpose's length goes first: ("ab", "c") and ("a", "bc") must not meet."""
    name = purpose.encode()
    message = len(name).to_bytes(2, "big") + name + value.encode()
    return hmac.new(key, message, hashlib.sha256).digest()


def _to_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
