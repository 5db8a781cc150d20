"""The settings: one table of names, defaults and help, and where their values may come from.

A later source wins over an earlier one::

    defaults  <  recommender.toml  <  environment (RECOMMENDER_*)  <  flags

The file has the settings' names as top-level keys; a relative path in any of
them is relative to the working directory.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from recommender.errors import SettingsError

PREFIX: Final = "RECOMMENDER_"
"""What the name of an environment variable of ours begins with."""

CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
"""The environment variable that names the settings file; no setting itself."""

DEFAULT_CONFIG: Final = Path("recommender.toml")
"""The settings file that is read, if it is there, when none is named."""


def _place(value: object) -> object:
    """Take for a path what is no URL: a path would lose one of a URL's slashes."""
    return value if not isinstance(value, str) or "://" in value else Path(value)


def _listed(value: object) -> object:
    """Take a text for a list with commas, as an environment variable has to write it."""
    return [part for part in map(str.strip, value.split(",")) if part] if isinstance(value, str) else value


def _tzinfo(name: str) -> tzinfo:
    """Find a time zone; raises KeyError, ValueError or OSError where there is none of that name."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # most processes have no use for it

    return ZoneInfo(name)


def _zone(name: str) -> str:
    """Refuse what is no zone that this machine knows."""
    try:
        _tzinfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("expected a time zone that this machine knows, such as Europe/Berlin") from None
    return name


Site = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^/\s]+)$")]


class Settings(BaseSettings):
    """The table; ``load`` fills it from all sources and explains what is wrong with them.

    ``Settings.model_fields[name].description`` is the help text of a setting.
    A field with ``repr=False`` may hold a secret: no message shows its value.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    store: str = Field(
        default="sqlite:///recommender.sqlite",
        min_length=1,
        repr=False,
        description="Database of the stories: sqlite:///path or postgresql+psycopg://user@host/name.",
    )
    models: Annotated[Path | str, BeforeValidator(_place)] = Field(
        default=Path("models"),
        description="Folder of the trained models; to read them alone, a URL such as s3://bucket/models.",
    )
    site: Site | Literal[""] = Field(
        default="", description="Newsroom, of several in one service, whose stories these are, such as mic."
    )
    sites: Annotated[tuple[Site, ...], NoDecode, BeforeValidator(_listed)] = Field(
        default=(), description="Newsrooms that `serve` answers for beside, each under /sites/NAME/."
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address the service listens on.")
    port: int = Field(
        default=8000, ge=0, le=65_535, description="Port the service listens on; 0 takes any free one."
    )
    workers: int = Field(default=1, ge=1, le=256, description="Processes that answer requests.")
    live: bool = Field(
        default=True,
        description="Whether `serve` keeps lists up to date as stories come, in a process of its own.",
    )
    cors: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_listed)] = Field(
        default=(),
        description="Origins whose pages may read answers: https://pub.example,https://*.pub.example, or *.",
    )
    read: Literal["open", "keyed"] = Field(
        default="open",
        description="Who may ask for lists and stories: open, all; keyed, who has an API key for read.",
    )
    read_limit: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="Reads a minute by one address, and with one key, in each process; 0 for any number.",
    )
    write_limit: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="Writes a minute by one address, and with one key, in each process; 0 for any number.",
    )
    proxies: int = Field(
        default=0,
        ge=0,
        le=9,
        description="Proxies in front that add who asked them to X-Forwarded-For: whom limits are for.",
    )
    cache: int = Field(
        default=64,
        ge=0,
        le=65_536,
        description="Megabytes of answers given lately that each process keeps to give again; 0 for none.",
    )
    log: Literal["text", "json"] = Field(
        default="text", description="How `serve` and `live` log: text for people, or json, a line an object."
    )
    access_log: bool = Field(
        default=False, description="Whether `serve` logs every request; addresses of stories are in it."
    )
    shutdown: int = Field(
        default=20,
        ge=0,
        le=3_600,
        description="Seconds that answers on their way have when `serve` is ended.",
    )
    engine: Literal["local", "processes", "dask"] = Field(
        default="local",
        description="What trains, ranks and evaluates: threads here, processes, or a Dask cluster.",
    )
    scheduler: str = Field(
        default="",
        description="Scheduler of the Dask cluster, tcp://host:8786; without one, workers start here.",
    )
    neighbours: int = Field(
        default=50, ge=10, le=200, description="Related stories kept of each story; filters choose from them."
    )

    zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="Time zone of dates in stories that say none, such as Europe/Berlin."
    )

    @property
    def tzinfo(self) -> tzinfo:
        """The time zone that ``zone`` names."""
        return _tzinfo(self.zone)

    def environment(self) -> dict[str, str]:
        """Write all settings as environment variables, from which a worker process can ``load`` the same."""
        written = (
            (name, ",".join(value) if isinstance(value, tuple) else str(value)) for name, value in self
        )
        return {_variable(name): value for name, value in written}


def load(config: Path | None = None, **overrides: object) -> Settings:
    """Read the settings from all sources.

    Args:
        config: the settings file; without it ``RECOMMENDER_CONFIG`` names it,
            and without that ``./recommender.toml`` is read if there is one.
        overrides: flags, by setting; ``None`` means that the flag was not given.

    Raises:
        SettingsError: a source names a setting that does not exist, or gives
            one a value it cannot have, or the file named cannot be read.
    """
    path = _config_path(config)
    flags = {name: value for name, value in overrides.items() if value is not None}
    variables = _environment()
    layers: dict[str, Mapping[str, Any]] = {
        str(path): _file(path),
        "the environment": variables,
        "a flag": flags,
    }
    sources = {name: where for where, values in layers.items() for name in values}
    merged = {name: value for values in layers.values() for name, value in values.items()}
    try:
        return Settings(**merged)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
    # Raised outside the handler: the chained pydantic error would show a password in a traceback.
    raise SettingsError("; ".join(_explain(problem, sources) for problem in problems))


def _config_path(config: Path | None) -> Path | None:
    named = config or os.environ.get(CONFIG_VARIABLE)
    if not named:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
    path = Path(named).expanduser()
    if not path.is_file():
        raise SettingsError(f"there is no settings file {str(path)!r}")
    return path


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return TomlConfigSettingsSource(Settings, toml_file=path)()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _environment() -> dict[str, Any]:
    known = [*map(_variable, Settings.model_fields), CONFIG_VARIABLE]
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            raise SettingsError(f"no setting {variable!r} (from the environment){_nearest(variable, known)}")
    return EnvSettingsSource(Settings)()


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _explain(problem: ErrorDetails, sources: Mapping[str, str]) -> str:
    name = str(problem["loc"][0])
    where = sources[name]
    field = Settings.model_fields.get(name)
    if field is None:
        return f"no setting {_shorten(name)} (from {where}){_nearest(name, Settings.model_fields)}"
    if where == "the environment":
        where = f"{where}, {_variable(name)}"
    got = _shorten(problem["input"]) if field.repr else "a value not shown, for it may hold a secret"
    message = problem["msg"]
    return f"setting {name!r} (from {where}): {message[0].lower()}{message[1:]}, got {got}"


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}"
