"""Sealed values open only where they belong and only while the key lives."""

from __future__ import annotations

import re

import pytest

from bot.vault import Unreadable, Vault, new_id

SECRET = "a secret of the office, only for tests"
OTHER = "the secret of another office, for tests"
PLACE = "people.name:7f3k"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_780_000_000.5

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def vault() -> Vault:
    return Vault(SECRET)


def test_a_name_is_read_back_after_a_restart(vault: Vault) -> None:
    key = vault.new_person_key()
    sealed = vault.seal(key, "Nguyễn Thị Huệ", PLACE)
    assert len(key) == 40
    assert "Huệ".encode() not in sealed
    assert Vault(SECRET).unseal(key, sealed, PLACE) == "Nguyễn Thị Huệ"


def test_the_same_name_never_looks_the_same_twice(vault: Vault) -> None:
    key = vault.new_person_key()
    assert vault.seal(key, "Huệ", PLACE) != vault.seal(key, "Huệ", PLACE)
    assert key != vault.new_person_key()


def test_a_value_moved_to_another_place_is_refused(vault: Vault) -> None:
    key = vault.new_person_key()
    sealed = vault.seal(key, "0912345678", "people.phone:7f3k")
    with pytest.raises(Unreadable):
        vault.unseal(key, sealed, "people.phone:9x2m")


@pytest.mark.parametrize("destroyed", [b"", b"\0" * 40, b"short"])
def test_a_person_whose_key_is_destroyed_is_forgotten(vault: Vault, destroyed: bytes) -> None:
    sealed = vault.seal(vault.new_person_key(), "Huệ", PLACE)
    with pytest.raises(Unreadable):
        vault.unseal(destroyed, sealed, PLACE)
    with pytest.raises(Unreadable):
        vault.seal(destroyed, "Huệ", PLACE)


def test_one_persons_key_does_not_open_another(vault: Vault) -> None:
    sealed = vault.seal(vault.new_person_key(), "Huệ", PLACE)
    with pytest.raises(Unreadable):
        vault.unseal(vault.new_person_key(), sealed, PLACE)


def test_another_office_opens_nothing(vault: Vault) -> None:
    key, stranger = vault.new_person_key(), Vault(OTHER)
    with pytest.raises(Unreadable):
        stranger.unseal(key, vault.seal(key, "Huệ", PLACE), PLACE)
    with pytest.raises(Unreadable):
        stranger.unseal_system(vault.seal_system(b"x", "inbox:1"), "inbox:1")
    assert stranger.fingerprint("phone", "+84912345678") != vault.fingerprint(
        "phone", "+84912345678"
    )
    assert stranger.unsign("login", vault.sign("login", "huệ"), None) is None
    assert stranger.pepper() != vault.pepper()


def test_every_changed_byte_is_noticed(vault: Vault) -> None:
    sealed = vault.seal_system('{"text": "chào"}'.encode(), "inbox:1")
    assert vault.unseal_system(sealed, "inbox:1") == '{"text": "chào"}'.encode()
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(Unreadable):
            vault.unseal_system(altered, "inbox:1")
    with pytest.raises(Unreadable):
        vault.unseal_system(sealed[:13], "inbox:1")
    with pytest.raises(Unreadable):
        vault.unseal_system(sealed, "inbox:2")


def test_a_fingerprint_finds_again_within_its_purpose_only(vault: Vault) -> None:
    found = vault.fingerprint("phone", "+84912345678")
    assert len(found) == 32
    assert found == Vault(SECRET).fingerprint("phone", "+84912345678")
    assert found != vault.fingerprint("login", "+84912345678")
    assert vault.fingerprint("ab", "c") != vault.fingerprint("a", "bc")


def test_the_keys_of_the_purposes_differ(vault: Vault) -> None:
    assert vault.pepper() == Vault(SECRET).pepper()
    assert len(vault.pepper()) == 32
    assert vault.pepper() not in (vault.fingerprint("", ""), SECRET.encode())


def test_a_signed_value_comes_back_and_fits_into_a_url(vault: Vault) -> None:
    for value in ("", "officer:7f3k", "Huệ & ?=/%. \n"):
        signed = vault.sign("login", value)
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", signed)
        assert vault.unsign("login", signed, 60) == value


def test_a_signature_of_another_purpose_is_refused(vault: Vault) -> None:
    assert vault.unsign("invite", vault.sign("login", "huệ"), 60) is None


def test_a_signature_grows_old() -> None:
    clock = Clock()
    vault = Vault(SECRET, clock)
    signed = vault.sign("login", "huệ")
    clock.seconds += 59
    assert vault.unsign("login", signed, 60) == "huệ"
    clock.seconds += 2
    assert vault.unsign("login", signed, 60) is None
    assert vault.unsign("login", signed, None) == "huệ"


def test_a_signature_from_the_future_is_refused() -> None:
    clock = Clock()
    vault = Vault(SECRET, clock)
    signed = vault.sign("login", "huệ")
    clock.seconds -= 3600
    assert vault.unsign("login", signed, 60) is None


def test_every_changed_character_of_a_signature_is_noticed(vault: Vault) -> None:
    signed = vault.sign("login", "officer:7f3k")
    for at, char in enumerate(signed):
        other = "B" if char != "B" else "C"
        assert vault.unsign("login", signed[:at] + other + signed[at + 1 :], None) is None


@pytest.mark.parametrize("forged", ["", ".", "..", "a.b.c", "Huệ.1.x", "\ud800", "x" * 5000])
def test_rubbish_is_no_signature(vault: Vault, forged: str) -> None:
    assert vault.unsign("login", forged, 60) is None


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="SECRET_KEY"):
        Vault("short")


def test_ids_are_random_and_easy_to_type() -> None:
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert all(re.fullmatch("[0-9a-hjkmnp-tv-z]{20}", each) for each in ids)
    assert ids != sorted(ids)
    assert len(new_id(64)) == 13
