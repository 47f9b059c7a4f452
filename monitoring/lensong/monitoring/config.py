"""Settings of the service: defaults, a TOML file, environment variables, in that order."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lensong.monitoring.streams.allowed import LOOPBACK
from lensong.propagation.errors import ConfigError

__all__ = ["ServiceConfig", "load_config"]

_MOST_BYTES = 1_048_576
"""Of a file of settings."""

_PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*)*")
"""Of an address under which the service is served."""

_Positive = Annotated[float, Field(gt=0.0)]
_Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """What the service takes on at once."""

    connections: _Count = 2_000
    head_seconds: _Positive = 15.0
    body_bytes: _Count = 1_048_576
    boundary_bytes: _Count = 33_554_432
    body_seconds: _Positive = 20.0
    reports_per_minute_per_site: _Count = 600
    queued_writes: _Count = 2_000
    uplink_tests_at_once: _Count = 2
    uplink_test_bytes: _Count = 120_000_000
    uplink_test_rate_bps: _Positive = 20e6
    uplink_test_interval_s: float = Field(default=60.0, ge=0.0)
    uplink_daily_bytes_per_site: _Count = 1_000_000_000
    watches_at_once: _Count = 1_500
    sign_in_attempts_per_15_min: _Count = 10
    sign_in_attempts_per_address_per_15_min: _Count = 100
    event_listeners: _Count = 200
    event_listeners_of_one: _Count = 50
    stream_figures_per_minute_per_site: _Count = 240
    plan_requests_per_minute_of_one: _Count = 1_200
    imports_at_once: _Count = 2
    import_seconds: _Count = 30


class Retention(_Part):
    """How long what is kept."""

    raw_days: _Positive = 90.0
    hourly_days: _Positive = 731.0
    events_days: _Positive = 30.0
    every_s: _Positive = 3_600.0


class Collectors(_Part):
    """Media servers that may be asked: addresses, names on the public internet, folders."""

    allowed_networks: tuple[str, ...] = LOOPBACK
    allowed_hosts: tuple[str, ...] = ()
    allowed_folders: tuple[str, ...] = ()
    every_s: _Positive = 2.0


class Calendars(_Part):
    """Calendars that may be read from their addresses, and how."""

    allowed_hosts: tuple[str, ...] = ()
    allowed_networks: tuple[str, ...] = ()
    every_s: Annotated[float, Field(ge=60.0)] = 900.0
    total_s: _Positive = 30.0
    feed_bytes: _Count = 4_194_304


class Push(_Part):
    """Web push: whom push services may write to, and which private networks may be asked."""

    contact: Annotated[str, Field(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$")] | None = None
    allowed_networks: tuple[str, ...] = ()


class ServiceConfig(BaseSettings):
    """Everything that an installation may want to set.

    Environment variables are upper case with the prefix ``LENSONG_`` and two underscores between
    levels: ``LENSONG_LIMITS__BODY_BYTES``.
    """

    model_config = SettingsConfigDict(
        env_prefix="LENSONG_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    db: str = "sqlite:///lensong.db"
    host: str = "127.0.0.1"
    port: int = Field(default=8790, ge=0, le=65_535)
    public_url: str | None = None
    behind_proxy: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    time_zone: str = "Asia/Ho_Chi_Minh"
    language: str = Field(default="vi", pattern="^(vi|en)$")
    standby: bool = False
    public_status: tuple[str, ...] = ()
    demo: bool = False
    scenario: Path | None = None
    plan_cache: Path | None = None
    limits: Limits = Limits()
    retention: Retention = Retention()
    collectors: Collectors = Collectors()
    calendars: Calendars = Calendars()
    push: Push = Push()

    @field_validator("public_url")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"public_url is {value[:80]!r}, wanted one like https://live.example.vn"
            )
        if parts.query or parts.fragment or not _PATH.fullmatch(parts.path.rstrip("/")):
            raise ValueError(
                f"public_url is {value[:80]!r}, wanted a host and perhaps a path of letters and "
                "digits, like https://live.example.vn or https://example.vn/live"
            )
        return value.rstrip("/")

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(
                f"{name!r} is no time zone, wanted a name like Asia/Ho_Chi_Minh"
            ) from error
        return name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment go before the file, which arrives as arguments."""
        return env_settings, init_settings

    @property
    def root(self) -> str:
        """Return the path under which the service is served: empty, or like ``/live``."""
        return urlsplit(self.public_url or "").path

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def load_config(path: Path | None = None, **overrides: Any) -> ServiceConfig:
    """Return the settings out of a TOML file, the environment and the command line.

    Parameters
    ----------
    path : Path, optional
        File of settings; its keys are the fields of `ServiceConfig`.
    overrides : values
        From the command line, before everything else; None is left out.

    Raises
    ------
    ConfigError
        The file cannot be read, or a value is not what is wanted.
    """
    given: dict[str, Any] = {}
    if path is not None:
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ConfigError(
                    f"{path} has more than {_MOST_BYTES >> 10} KiB, wanted settings: check --config"
                )
            given = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}: check --config") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{path} is no TOML file: {error}") from error
    try:
        config = ServiceConfig(**given)
    except ValidationError as error:
        raise ConfigError(_told(error, path)) from error
    chosen = {key: value for key, value in overrides.items() if value is not None}
    try:
        checked = _AsGiven(**(config.model_dump() | chosen))
    except ValidationError as error:
        raise ConfigError(_told(error, "the command line")) from error
    return config.model_copy(update={key: getattr(checked, key) for key in chosen})


class _AsGiven(ServiceConfig):
    """Settings as they are given, whatever the environment says: to check those of a command."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let nothing go before the arguments."""
        return (init_settings,)


def _told(error: ValidationError, path: Path | str | None) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    unknown = first["type"] == "extra_forbidden"
    given = "is no setting" if unknown else f"is {first['input']!r}: {first['msg']}"
    return f"{where} in {path or 'the environment'} {given} (docs/reference/configuration.md)"
