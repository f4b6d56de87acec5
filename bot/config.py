"""Settings, from the environment or a .env file alone; refuses to start, saying how to mend it."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "NEUGUONG_"
LEAST_SECRET = 32
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_ORIGIN = re.compile(r"https?://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9*._-]+)(:[0-9]{1,5})?")
_FOR_DEVELOPERS = {"chromium"}
"""Read by dev.py, and no setting of the service."""
_TELEGRAM_PORTS = (443, 80, 88, 8443)
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # listened on only where set so
"""What listens on every address is reached on this machine by its own."""


class ConfigError(Exception):
    """Sentences for the operator, as keys of locales/: the variable, what is wrong, what to do.

    No value that was set stands in it: it may be a secret.
    """

    def __init__(self, key: str, /, **args: str) -> None:
        super().__init__(key, args)
        self.told: tuple[tuple[str, Mapping[str, str]], ...] = ((key, args),)

    def __str__(self) -> str:
        return "; ".join(" ".join([key, *args.values()]) for key, args in self.told)

    def joined_by(self, others: Sequence[ConfigError]) -> ConfigError:
        """All that is wrong, told at once."""
        self.told += tuple(one for other in others for one in other.told)
        return self


class _Wrong(ValueError):
    """Of one setting, raised where pydantic asks; it becomes a part of a ConfigError."""

    def __init__(self, key: str, /, **args: str) -> None:
        super().__init__(key)
        self.key, self.told = key, args


class Settings(BaseSettings):
    """Each field is the environment variable NEUGUONG_<FIELD>; see docs/operators.md."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Path = Field(Path("var"), description="Folder of the database, files and key")
    database_url: SecretStr = Field(
        SecretStr(""), description="sqlite:///path or postgresql://user:password@host/name"
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on")
    public_url: str = Field("", description="Address by which the public reaches the pages")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Long random text; kept in HOME/secret.key when not given"
    )
    default_locale: Literal["vi", "en"] = Field("vi", description="Language of a new reader")
    telegram_token: SecretStr = Field(SecretStr(""), description="Token of the Telegram bot")
    telegram_api_url: str = Field("https://api.telegram.org", description="Bot API server")
    telegram_mode: Literal["polling", "webhook"] = Field(
        "polling", description="How Telegram's updates reach us"
    )
    telegram_rate: float = Field(
        25, gt=0, le=1000, description="Messages a second nobody waits for (notices, reminders)"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses of reverse proxies whose X-Forwarded-For is believed"
    )
    portal_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of portals that may show the chat inside their own pages"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is logged"
    )

    @field_validator("trusted_proxies", "portal_origins", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_address(one)) for one in value)
        except ValueError:
            raise _Wrong("starting-not-addresses") from None

    @field_validator("portal_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(one.rstrip("/") for one in value)
        if not all(_ORIGIN.fullmatch(one) for one in origins):
            raise _Wrong("starting-not-origins")
        return origins

    @field_validator("host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        """A name is looked up on listening; what looks like an address must be one."""
        if not value or ":" in value or re.fullmatch(r"[0-9.]+", value):
            try:
                return str(ipaddress.ip_address(value))
            except ValueError:
                raise _Wrong("starting-not-host") from None
        return value

    @field_validator("public_url", "telegram_api_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not (urlsplit(value).scheme in ("http", "https") and urlsplit(value).netloc):
            raise _Wrong("starting-not-url")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if self.telegram_mode == "webhook":
            if not self.telegram_token.get_secret_value():
                raise _Wrong("starting-webhook-no-token")
            if not self.public_url:
                raise _Wrong("starting-webhook-no-address")
            own_server = self.telegram_api_url != "https://api.telegram.org"
            if not self.public_url.startswith("https://") and not own_server:
                raise _Wrong("starting-webhook-no-https")
            if not own_server and _port(self.public_url) not in _TELEGRAM_PORTS:
                raise _Wrong("starting-webhook-port")
        token = self.telegram_token.get_secret_value()
        if token and not _TOKEN.fullmatch(token):
            raise _Wrong("starting-no-token")
        secret = self.secret_key.get_secret_value()
        if secret and len(secret) < LEAST_SECRET:
            raise _Wrong("starting-short-key", least=str(LEAST_SECRET))
        return self

    @property
    def links(self) -> str:
        """The public address, or the local one while no public one is set."""
        host = _EVERYWHERE.get(self.host, self.host)
        named = f"[{host}]" if ":" in host else host
        return self.public_url or f"http://{named}:{self.port}"

    @property
    def database(self) -> str:
        """The database's URL with its driver, which holds the password: never logged."""
        url = self.database_url.get_secret_value() or f"sqlite:///{self.home / 'neuguong.db'}"
        for plain, driver in _DRIVERS.items():
            if url.startswith(f"{plain}:"):
                return url.replace(plain, driver, 1)
        return url


_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def read_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> Settings:
    """Raises ConfigError: a sentence for each setting that is unknown, wrong or contradictory."""
    environ = os.environ if environ is None else environ
    values = _ours({**_read_env_file(env_file), **environ})
    unknown = sorted(set(values) - set(Settings.model_fields) - _FOR_DEVELOPERS)
    if unknown:
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        known = ", ".join(name.upper() for name in Settings.model_fields)
        raise ConfigError("starting-unknown", names=names, known=known)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first, *others = [_told(one) for one in error.errors()]
        raise first.joined_by(others) from None
    if not settings.database.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
        raise ConfigError("starting-database-kind")
    try:
        make_url(settings.database)
    except (ArgumentError, ValueError):
        raise ConfigError("starting-database-unread") from None
    return settings


def spoken_locale(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> str:
    """The language of the installation, also while its settings are wrong."""
    values = _ours(os.environ if environ is None else environ)
    with suppress(ConfigError):
        values = {**_ours(_read_env_file(env_file)), **values}
    field = Settings.model_fields["default_locale"]
    wanted = values.get("default_locale", "")
    return wanted if wanted in get_args(field.annotation) else str(field.default)


def _ours(given: Mapping[str, str]) -> dict[str, str]:
    names = {name: name.upper() for name in given}
    return {
        upper.removeprefix(PREFIX).lower(): given[name]
        for name, upper in names.items()
        if upper.startswith(PREFIX)
    }


def read_secret(settings: Settings) -> str:
    """The installation's key: the setting, or HOME/secret.key, made on the first start."""
    given = settings.secret_key.get_secret_value()
    if given:
        return given
    path = settings.home / "secret.key"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
        kept = path.read_text().strip()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError("starting-home", home=str(settings.home), error=why) from None
    if len(kept) < LEAST_SECRET:
        raise ConfigError("starting-key-damaged", file=str(path))
    return kept


def _read_env_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError("starting-file-unread", file=str(path)) from None
    lines = (line.strip() for line in text.splitlines())
    bare = (re.sub(r"^export\s+", "", line) for line in lines)
    pairs = (line.partition("=") for line in bare if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _port(url: str) -> int:
    """Raises ValueError for what is no port."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _told(error: Mapping[str, Any]) -> ConfigError:
    """What pydantic found, said without its words and without the value."""
    where, context = error["loc"], error.get("ctx", {})
    name = str(where[0]) if where else ""
    variable = {"variable": PREFIX + name.upper()} if name else {}
    match error["type"]:
        case "value_error" if isinstance(wrong := context["error"], _Wrong):
            return ConfigError(wrong.key, **variable, **wrong.told)
        case "literal_error":
            choices = ", ".join(get_args(Settings.model_fields[name].annotation))
            return ConfigError("starting-no-choice", **variable, choices=choices)
        case str(kind) if kind in _BOUNDS:
            key, bound = _BOUNDS[kind]
            return ConfigError(key, **variable, bound=f"{context[bound]:g}")
        case str(kind) if kind.startswith(("int_", "float_")):
            whole = kind.startswith("int_")
            key = "starting-not-whole" if whole else "starting-not-a-number"
            return ConfigError(key, **variable)
    return ConfigError("starting-wrong", **variable)


_BOUNDS = {
    "greater_than_equal": ("starting-too-small", "ge"),
    "greater_than": ("starting-not-above", "gt"),
    "less_than_equal": ("starting-too-large", "le"),
}
"""What pydantic calls a number out of its range, our sentence, and where the bound is."""
