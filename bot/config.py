"""Settings, from the environment or a .env file alone; refuses to start, saying how to mend it."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
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
    """One or more sentences for the operator: the variable, what is wrong, what to do."""


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
            raise ValueError(
                "must be addresses such as 127.0.0.1 or ::1, separated by commas"
            ) from None

    @field_validator("portal_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(one.rstrip("/") for one in value)
        if not all(_ORIGIN.fullmatch(one) for one in origins):
            raise ValueError(
                "must be origins such as https://tinh.example.vn, without a path, separated by "
                "commas"
            )
        return origins

    @field_validator("host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        """A name is looked up on listening; what looks like an address must be one."""
        if not value or ":" in value or re.fullmatch(r"[0-9.]+", value):
            try:
                return str(ipaddress.ip_address(value))
            except ValueError:
                raise ValueError(
                    "must be an address of this machine, such as 127.0.0.1 or ::1"
                ) from None
        return value

    @field_validator("public_url", "telegram_api_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not (urlsplit(value).scheme in ("http", "https") and urlsplit(value).netloc):
            raise ValueError("must be a whole address such as https://gopy.example.vn")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if self.telegram_mode == "webhook":
            if not self.telegram_token.get_secret_value():
                raise ValueError(
                    f"{PREFIX}TELEGRAM_MODE=webhook needs {PREFIX}TELEGRAM_TOKEN: set the token "
                    "that BotFather gave, or leave the mode out"
                )
            if not self.public_url:
                raise ValueError(
                    f"{PREFIX}TELEGRAM_MODE=webhook needs {PREFIX}PUBLIC_URL: the https address "
                    "by which Telegram reaches this server; or use polling"
                )
            own_server = self.telegram_api_url != "https://api.telegram.org"
            if not self.public_url.startswith("https://") and not own_server:
                raise ValueError(
                    f"{PREFIX}PUBLIC_URL must begin with https:// for {PREFIX}TELEGRAM_MODE="
                    "webhook; or use polling"
                )
            if not own_server and _port(self.public_url) not in _TELEGRAM_PORTS:
                raise ValueError(
                    f"{PREFIX}PUBLIC_URL must have port 443, 80, 88 or 8443 for {PREFIX}TELEGRAM_"
                    "MODE=webhook: Telegram calls no other; or use polling"
                )
        token = self.telegram_token.get_secret_value()
        if token and not _TOKEN.fullmatch(token):
            raise ValueError(
                f"{PREFIX}TELEGRAM_TOKEN is not a token: it looks like 123456:ABC…; "
                "copy it again from BotFather"
            )
        secret = self.secret_key.get_secret_value()
        if secret and len(secret) < LEAST_SECRET:
            raise ValueError(
                f"{PREFIX}SECRET_KEY is too short: give {LEAST_SECRET} random characters or more, "
                "or leave it out to have one made"
            )
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
    given = {**_read_env_file(env_file), **environ}
    ours = {name: value for name, value in given.items() if name.upper().startswith(PREFIX)}
    values = {name.upper().removeprefix(PREFIX).lower(): value for name, value in ours.items()}
    unknown = sorted(set(values) - set(Settings.model_fields) - _FOR_DEVELOPERS)
    if unknown:
        names = ", ".join(PREFIX + name.upper() for name in unknown)
        raise ConfigError(f"Unknown setting {names}: correct the name or remove it. {_known()}")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(" ".join(_sentence(e) for e in error.errors())) from None
    if not settings.database.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
        raise ConfigError(
            f"{PREFIX}DATABASE_URL must begin with sqlite:/// or postgresql://: correct it."
        )
    try:
        make_url(settings.database)
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"{PREFIX}DATABASE_URL cannot be read: write @ : / # in a user name or password as "
            "%40 %3A %2F %23, and the port as a number."
        ) from None
    return settings


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
        raise ConfigError(
            f"Cannot keep data in {settings.home} ({error.strerror}): make the folder writable, "
            f"or set {PREFIX}HOME to one that is."
        ) from None
    if len(kept) < LEAST_SECRET:
        raise ConfigError(
            f"{path} is damaged: put back the copy you kept of it, or, where no data depends on "
            "it yet, delete it to have another one made."
        )
    return kept


def _read_env_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"Cannot read {path}: make it readable and save it as UTF-8, or remove it."
        ) from None
    lines = (line.strip() for line in text.splitlines())
    bare = (re.sub(r"^export\s+", "", line) for line in lines)
    pairs = (line.partition("=") for line in bare if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _port(url: str) -> int:
    """Raises ValueError for what is no port."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _known() -> str:
    return "Known: " + ", ".join(name.upper() for name in Settings.model_fields) + "."


def _sentence(error: Mapping[str, object]) -> str:
    """The value itself is not repeated: it may be a secret."""
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    where = error["loc"]
    if isinstance(where, tuple) and where:
        return f"{PREFIX}{str(where[0]).upper()}: {message}."
    return f"{message}."
