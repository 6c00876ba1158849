"""Settings of a sink: one TOML file, read once; an unknown key is an error.

Secrets stand in files of their own; those files and this one must be readable by their owner
alone. No environment variable changes anything.
"""

import stat
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from overt_schemas import topics
from overt_schemas.errors import Refused
from overt_sinks.rolling import Limits
from overt_sinks.stores.store import Keys

MIB = 1_048_576


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kafka(_Section):
    """The brokers, and the user that reads parts and writes dead letters."""

    bootstrap: str
    ca: Path
    username: str
    password_file: Path


class Authority(_Section):
    """The authority; the sink does not call it yet."""

    url: str
    ca: Path
    cert: Path
    key: Path
    root_key: Path


class Store(_Section):
    """The object store: ``http(s)://`` is S3, ``file://`` a directory.

    Attributes:
        filer_probe_url: an inner port that must not answer; empty where the store has none.
        second_access_key_file: another identity that may put; the probe tries to overwrite as it.
    """

    url: str
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    second_access_key_file: Path | None = None
    second_secret_key_file: Path | None = None
    hot: str
    warm: str = ""
    cold: str = ""
    filer_probe_url: str = ""

    @model_validator(mode="after")
    def _can_be_probed(self) -> "Store":
        second = (self.second_access_key_file, self.second_secret_key_file)
        if self.url.startswith("http") and None in second:
            raise ValueError("an S3 store needs a second identity to probe it with")
        return self


class Index(_Section):
    """Where the index is: an SQLAlchemy URL."""

    url: str


class Sink(_Section):
    """How the sink cuts objects.

    Attributes:
        flush_age_s: the longest a record waits for its object.
        budget_bytes: the most that is held in memory over all partitions.
        writers: how many objects may be on their way at once.
        stop_s: how long SIGTERM may take; what is not stored then is read again later.
    """

    group: str = "sink"
    topic: str = topics.PART
    flush_age_s: Annotated[float, Field(gt=0, le=3600)] = 1.5
    object_bytes: Annotated[int, Field(ge=4096, le=256 * MIB)] = 8 * MIB
    object_records: Annotated[int, Field(ge=1, le=1_000_000)] = 16_384
    budget_bytes: Annotated[int, Field(ge=MIB)] = 64 * MIB
    writers: Annotated[int, Field(ge=1, le=32)] = 2
    stop_s: Annotated[float, Field(gt=0, le=300)] = 4.0

    @model_validator(mode="after")
    def _fits(self) -> "Sink":
        if self.object_bytes > self.budget_bytes:
            raise ValueError("object_bytes is more than budget_bytes")
        return self

    def limits(self) -> Limits:
        """Return them as the desk wants them."""
        return Limits(
            age_ns=round(self.flush_age_s * 1e9), object_bytes=self.object_bytes,
            object_records=self.object_records, budget_bytes=self.budget_bytes,
            writers=self.writers,
        )  # fmt: skip


class Settings(BaseSettings):
    """Everything a sink is told."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    state_dir: Path
    kafka: Kafka
    store: Store
    index: Index
    sink: Sink = Sink()
    authority: Authority | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what ``load`` read and nothing else, least of all the environment."""
        return (init_settings,)


def load(path: Path) -> Settings:
    """Return the settings in a file.

    Raises:
        Refused: not there, not private, not TOML, or not what a sink is told; one line says what.
    """
    _private(path)
    try:
        values = TomlConfigSettingsSource(Settings, toml_file=path)()
        return Settings(**values)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{path.name}: {key}: {first['msg']}", reason="settings") from exc
    except (OSError, ValueError) as exc:
        raise Refused(f"{path.name} is not a TOML file", reason="settings") from exc


def read_secret(path: Path) -> str:
    """Return the one line of a secret's file."""
    _private(path)
    return path.read_text("utf-8").strip()


def store_keys(store: Store) -> Keys | None:
    """Return the sink's identity at the store, or None for a directory."""
    return _keys(store.access_key_file, store.secret_key_file)


def second_keys(store: Store) -> Keys | None:
    """Return the second identity of the probe, or None for a directory."""
    second = _keys(store.second_access_key_file, store.second_secret_key_file)
    first = store_keys(store)
    if second is not None and first is not None and second.access == first.access:
        raise Refused(
            "the probe's second identity is the same as the first: give it another",
            reason="settings",
        )
    return second


def _keys(access: Path | None, secret: Path | None) -> Keys | None:
    if access is None or secret is None:
        return None
    return Keys(access=read_secret(access), secret=read_secret(secret))


def _private(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as exc:
        raise Refused(f"{path.name} cannot be read: check the path", reason="settings") from exc
    if mode & 0o077:
        raise Refused(f"others may read {path.name}: chmod 600 it", reason="settings")
