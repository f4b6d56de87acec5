"""Settings: what is wrong refuses to start, in a sentence that says what to do and no secret."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bot import i18n
from bot.config import (
    PREFIX,
    ConfigError,
    Settings,
    _told,
    read_secret,
    read_settings,
    spoken_locale,
)
from bot.console import worded

SECRET = "hunter2-hunter2"
TOKEN = "123456789:AAH-this_is_not_a_real_token"
WEBHOOK = {
    "NEUGUONG_TELEGRAM_TOKEN": TOKEN,
    "NEUGUONG_TELEGRAM_MODE": "webhook",
    "NEUGUONG_PUBLIC_URL": "https://gopy.example.vn",
}


def refusal(given: dict[str, str], env_file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        read_settings({PREFIX + name: value for name, value in given.items()}, env_file)
    assert refused.value.__cause__ is None
    for shown in (str(refused.value), repr(refused.value), worded(refused.value, "vi")):
        assert SECRET not in shown
    return worded(refused.value, "en")


@pytest.mark.parametrize(
    ("given", "named", "remedy"),
    [
        ({"PORTT": SECRET}, "NEUGUONG_PORTT", "correct the name or remove it"),
        ({"PORT": SECRET}, "NEUGUONG_PORT", "must be a whole number"),
        ({"PORT": "0"}, "NEUGUONG_PORT", "1 or more"),
        ({"PORT": "65536"}, "NEUGUONG_PORT", "65535 or less"),
        ({"SECRET_KEY": SECRET}, "NEUGUONG_SECRET_KEY", "or leave it out"),
        ({"TELEGRAM_TOKEN": SECRET}, "NEUGUONG_TELEGRAM_TOKEN", "copy it again from BotFather"),
        ({"TELEGRAM_TOKEN": f"12:{SECRET} x"}, "NEUGUONG_TELEGRAM_TOKEN", "copy it again"),
        ({"TELEGRAM_TOKEN": f"１２:{SECRET}"}, "NEUGUONG_TELEGRAM_TOKEN", "copy it again"),
        ({"TELEGRAM_MODE": SECRET}, "NEUGUONG_TELEGRAM_MODE", "one of polling, webhook"),
        ({"TELEGRAM_MODE": "webhook"}, "NEUGUONG_TELEGRAM_TOKEN", "set the token"),
        (
            {"TELEGRAM_MODE": "webhook", "TELEGRAM_TOKEN": f"1:{SECRET}"},
            "NEUGUONG_PUBLIC_URL", "or use polling",
        ),
        (
            {"TELEGRAM_MODE": "webhook", "TELEGRAM_TOKEN": f"1:{SECRET}",
             "PUBLIC_URL": "http://gopy.example.vn"},
            "NEUGUONG_PUBLIC_URL", "must begin with https://",
        ),
        ({"PUBLIC_URL": SECRET}, "NEUGUONG_PUBLIC_URL", "must be a whole address"),
        ({"TELEGRAM_RATE": "0"}, "NEUGUONG_TELEGRAM_RATE", "more than 0"),
        ({"TELEGRAM_RATE": SECRET}, "NEUGUONG_TELEGRAM_RATE", "must be a number"),
        ({"DEFAULT_LOCALE": "fr"}, "NEUGUONG_DEFAULT_LOCALE", "one of vi, en"),
        ({"LOG_LEVEL": "loud"}, "NEUGUONG_LOG_LEVEL", "one of debug"),
        ({"DATABASE_URL": f"mysql://u:{SECRET}@h/d"}, "NEUGUONG_DATABASE_URL", "correct it"),
        ({"DATABASE_URL": SECRET}, "NEUGUONG_DATABASE_URL", "correct it"),
        ({"TRUSTED_PROXIES": SECRET}, "NEUGUONG_TRUSTED_PROXIES", "addresses such as 127.0.0.1"),
        ({"PORTAL_ORIGINS": SECRET}, "NEUGUONG_PORTAL_ORIGINS", "origins such as https://"),
        ({"PORTAL_ORIGINS": "https://a.vn/path"}, "NEUGUONG_PORTAL_ORIGINS", "without a path"),
        ({"HOST": "999.1.1.1"}, "NEUGUONG_HOST", "an address of this machine"),
        (
            {"TELEGRAM_MODE": "webhook", "TELEGRAM_TOKEN": f"1:{SECRET}",
             "PUBLIC_URL": "https://gopy.example.vn:9999"},
            "NEUGUONG_PUBLIC_URL", "443, 80, 88 or 8443",
        ),
        (
            {"DATABASE_URL": f"postgresql://u:{SECRET}@h:port/d"},
            "NEUGUONG_DATABASE_URL", "the port as a number",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_remedy_and_never_its_value(
    given: dict[str, str], named: str, remedy: str
) -> None:
    told = refusal(given)
    assert named in told
    assert remedy in told
    assert SECRET not in told


def test_everything_wrong_is_told_at_once() -> None:
    told = refusal({"PORT": "x", "DEFAULT_LOCALE": "fr"})
    assert "NEUGUONG_PORT" in told
    assert "NEUGUONG_DEFAULT_LOCALE" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"PORT": SECRET}, "NEUGUONG_PORT phải là một số nguyên: hãy sửa lại"),
        ({"PORT": "65536"}, "NEUGUONG_PORT nhiều nhất là 65535: hãy đặt"),
        ({"LOG_LEVEL": "loud"}, "NEUGUONG_LOG_LEVEL chỉ nhận một trong các giá trị debug, info"),
        ({"DATABASE_URL": SECRET}, "NEUGUONG_DATABASE_URL phải bắt đầu bằng sqlite:///"),
    ],
)
def test_what_is_wrong_is_said_in_vietnamese_too(given: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings({PREFIX + name: value for name, value in given.items()}, None)
    said = worded(refused.value, "vi")
    assert told in said
    assert not {"must", "should", "input", "correct"} & set(re.findall(r"\w+", said))


@pytest.mark.parametrize(
    ("kind", "context", "key"),
    [("int_parsing_size", {}, "starting-not-whole"), ("no_such_type", {}, "starting-wrong")],
)
def test_whatever_pydantic_finds_is_said_in_our_words(
    kind: str, context: dict[str, object], key: str
) -> None:
    found = {"type": kind, "loc": ("port",), "msg": SECRET, "input": SECRET, "ctx": context}
    ((said, args),) = _told(found).told
    assert (said, args) == (key, {"variable": "NEUGUONG_PORT"})
    assert SECRET not in worded(_told(found), "vi")


@pytest.mark.parametrize(
    ("given", "kept", "spoken"),
    [
        ({}, "", "vi"),
        ({"NEUGUONG_DEFAULT_LOCALE": "en"}, "", "en"),
        ({"neuguong_default_locale": "en"}, "", "en"),
        ({"NEUGUONG_DEFAULT_LOCALE": "fr"}, "", "vi"),
        ({}, "NEUGUONG_DEFAULT_LOCALE=en", "en"),
        ({"NEUGUONG_DEFAULT_LOCALE": "vi"}, "NEUGUONG_DEFAULT_LOCALE=en", "vi"),
    ],
)
def test_the_language_is_known_before_the_settings_are(
    tmp_path: Path, given: dict[str, str], kept: str, spoken: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(kept)
    assert spoken_locale(given, file) == spoken
    assert spoken in i18n.LOCALES


def test_a_file_that_cannot_be_read_does_not_take_the_language_away(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("NEUGUONG_HOST=máy".encode("utf-16"))
    assert spoken_locale({"NEUGUONG_DEFAULT_LOCALE": "en"}, file) == "en"


def test_no_setting_shows_a_secret_when_it_is_printed() -> None:
    settings = read_settings(
        {**WEBHOOK, "NEUGUONG_SECRET_KEY": SECRET * 3, "NEUGUONG_DATABASE_URL":
         f"postgresql://u:{SECRET}@h/d"}, None,
    )  # fmt: skip
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown
        assert TOKEN not in shown


def test_settings_of_others_are_none_of_ours() -> None:
    assert read_settings({"PORT": "9", "HOME": "/nowhere", "PATH": "x"}, None).port == 8080


def test_names_are_read_in_any_case() -> None:
    assert read_settings({"neuguong_port": "9000"}, None).port == 9000


def test_an_own_bot_api_server_may_bring_updates_without_https() -> None:
    own = {
        **WEBHOOK,
        "NEUGUONG_PUBLIC_URL": "http://10.0.0.2:8080/",
        "NEUGUONG_TELEGRAM_API_URL": "http://10.0.0.3:8081",
    }
    assert read_settings(own, None).links == "http://10.0.0.2:8080"


def test_lists_are_parted_by_commas() -> None:
    given = {"NEUGUONG_TRUSTED_PROXIES": " 10.0.0.1, 10.0.0.2 ,"}
    assert read_settings(given, None).trusted_proxies == ("10.0.0.1", "10.0.0.2")


# The .env file


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "as Windows saves it"])
def test_a_file_gives_settings_and_the_environment_wins(tmp_path: Path, start: bytes) -> None:
    file = tmp_path / ".env"
    lines = 'NEUGUONG_PORT=9001\n# a note\n\nNEUGUONG_HOST = "0.0.0.0"\nOTHER=1\n'
    file.write_bytes(start + lines.encode())
    settings = read_settings({}, file)
    assert (settings.port, settings.host) == (9001, "0.0.0.0")
    assert read_settings({"NEUGUONG_PORT": "9002"}, file).port == 9002


def test_a_wrong_name_in_the_file_is_refused_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"NEUGUONG_TELEGRAM_TOKENS={SECRET}\n")
    assert "NEUGUONG_TELEGRAM_TOKENS" in refusal({}, file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("NEUGUONG_HOST=máy".encode("utf-16"))
    assert str(file) in refusal({}, file)


def test_without_a_file_there_is_nothing_to_complain_of(tmp_path: Path) -> None:
    assert read_settings({}, tmp_path / ".env").port == 8080


# The database


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:////data/a.db", "sqlite+aiosqlite:////data/a.db"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+asyncpg://u:p@h/postgresql", "postgresql+asyncpg://u:p@h/postgresql"),
    ],
)
def test_a_database_is_opened_with_its_driver(given: str, used: str) -> None:
    assert read_settings({"NEUGUONG_DATABASE_URL": given}, None).database == used


def test_without_a_database_one_is_kept_in_the_data_folder(tmp_path: Path) -> None:
    settings = read_settings({"NEUGUONG_HOME": str(tmp_path)}, None)
    assert settings.database == f"sqlite+aiosqlite:///{tmp_path}/neuguong.db"


# The key


def test_a_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "var")
    key = read_secret(settings)
    assert len(key) >= 43
    assert read_secret(settings) == key
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_given_is_used_and_none_is_made(tmp_path: Path) -> None:
    assert read_secret(Settings(home=tmp_path, secret_key="k" * 40)) == "k" * 40
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", ["", "abc", "\n"])
def test_a_damaged_key_is_never_used(tmp_path: Path, kept: str) -> None:
    """A power cut between making the file and filling it would make everything guessable."""
    (tmp_path / "secret.key").write_text(kept)
    with pytest.raises(ConfigError, match=r"starting-key-damaged .*secret\.key"):
        read_secret(Settings(home=tmp_path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as refused:
        read_secret(Settings(home=tmp_path / "file" / "var"))
    said = worded(refused.value, "vi")
    assert f"Không giữ được dữ liệu trong {tmp_path}/file/var" in said
    assert "NEUGUONG_HOME" in said
    assert os.access(tmp_path, os.W_OK)


@pytest.mark.parametrize(
    ("host", "links"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("gopy.example.vn", "http://gopy.example.vn:8080"),
    ],
)
def test_an_invitation_leads_somewhere_whatever_is_listened_on(host: str, links: str) -> None:
    assert read_settings({"NEUGUONG_HOST": host}, None).links == links


def test_what_dev_py_is_told_is_not_an_unknown_setting() -> None:
    assert read_settings({"NEUGUONG_CHROMIUM": "/usr/bin/chromium"}, None).port == 8080


def test_a_line_of_the_file_may_begin_with_export(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("export NEUGUONG_LOG_LEVEL=bogus\n", encoding="utf-8")
    assert "NEUGUONG_LOG_LEVEL" in refusal({}, file)
    file.write_text("export NEUGUONG_PORT=8081\n", encoding="utf-8")
    assert read_settings({}, file).port == 8081


def test_an_origin_may_end_with_a_slash() -> None:
    given = {"NEUGUONG_PORTAL_ORIGINS": "https://tinh.example.vn/, http://127.0.0.1:9000"}
    origins = ("https://tinh.example.vn", "http://127.0.0.1:9000")
    assert read_settings(given, None).portal_origins == origins
