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
from overt_sinks.stores.store import Keys, Site

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
    """The object store; ``stores.target`` says what URLs there are.

    Attributes:
        region: of S3; ``account``: of Azure.
        endpoint: another address of ``s3://``, ``gs://`` or ``az://``: private, or an emulator.
        virtual_hosted: whether S3 takes the bucket as part of the host name.
        credentials_file: a service account's JSON (``gs://``), an account key or SAS (``az://``).
        filer_probe_url: an inner port that must not answer; empty where the store has none.
        second_access_key_file: another identity that may put; the probe tries to overwrite as it.
    """

    url: str
    region: str = "us-east-1"
    account: str = ""
    endpoint: str = ""
    virtual_hosted: bool = False
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    credentials_file: Path | None = None
    second_access_key_file: Path | None = None
    second_secret_key_file: Path | None = None
    second_credentials_file: Path | None = None
    hot: str
    warm: str = ""
    cold: str = ""
    filer_probe_url: str = ""


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


class Tiers(_Section):
    """When what moves where.

    Attributes:
        after_s: how long after its end a day is packed into warm objects.
        cold_after_s: the same for warm to cold; 0 never.
        grace_s: how long what was moved away may still be read where it stood.
        min_hot_age_s: the youngest hot object that may be deleted: longer than any sink may hang
            before it creates a name that it took for free.
        object_bytes: the largest warm object; it is put in one request and held in memory.
        late_bytes: what came after its day was packed waits until it is so much,
        late_s: or so old.
        merge_objects: so many small warm objects of one person's day and class become one.
        storage_class: of cold objects, in the store's own words; empty for its default.
    """

    after_s: Annotated[int, Field(ge=0)] = 86_400
    cold_after_s: Annotated[int, Field(ge=0)] = 30 * 86_400
    grace_s: Annotated[int, Field(ge=0)] = 3_600
    min_hot_age_s: Annotated[int, Field(ge=0)] = 86_400
    object_bytes: Annotated[int, Field(ge=4096, le=256 * MIB)] = 64 * MIB
    late_bytes: Annotated[int, Field(ge=0)] = 256 * 1024
    late_s: Annotated[int, Field(ge=0)] = 7 * 86_400
    merge_objects: Annotated[int, Field(ge=2, le=1000)] = 8
    storage_class: str = ""


class Retention(_Section):
    """After how many days what of a day expires, by class; 0 keeps it."""

    input_days: Annotated[int, Field(ge=0)] = 0
    frame_days: Annotated[int, Field(ge=0)] = 0
    mark_days: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _marks_stay(self) -> "Retention":
        others = (self.input_days, self.frame_days)
        if self.mark_days and (0 in others or max(others) > self.mark_days):
            raise ValueError("mark_days is less than the others: marks say why batches are missing")
        return self

    def days(self, class_: str) -> int:
        """Return how many days a class is kept; 0 for ever."""
        return {"input": self.input_days, "frame": self.frame_days}.get(class_, self.mark_days)


class Settings(BaseSettings):
    """Everything a sink is told; mover, verifier and eraser are told the same."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    state_dir: Path
    kafka: Kafka
    store: Store
    index: Index
    sink: Sink = Sink()
    tiers: Tiers = Tiers()
    retention: Retention = Retention()
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
    """Return this identity at the store, or None for a directory."""
    return _keys(store.access_key_file, store.secret_key_file, store.credentials_file)


def second_keys(store: Store) -> Keys | None:
    """Return the second identity of the probe, or None for a directory.

    Raises:
        Refused: it is the first one again, or S3 has none.
    """
    second = _keys(
        store.second_access_key_file, store.second_secret_key_file, store.second_credentials_file
    )
    if second is None and store.url.startswith(("http", "s3:")):
        raise Refused(
            "an S3 store needs a second identity to probe it with: give its key files",
            reason="settings",
        )
    first = store_keys(store)
    if second is not None and first is not None and _is_same(second, first):
        raise Refused(
            "the probe's second identity is the same as the first: give it another",
            reason="settings",
        )
    return second


def _is_same(one: Keys, other: Keys) -> bool:
    # Where there is no access key, the secret is all there is of an identity.
    return one.access == other.access and (bool(one.access) or one.secret == other.secret)


def site(store: Store) -> Site:
    """Return what the store's URL leaves open."""
    return Site(
        region=store.region, account=store.account, endpoint=store.endpoint,
        virtual_hosted=store.virtual_hosted,
    )  # fmt: skip


def _keys(access: Path | None, secret: Path | None, credentials: Path | None) -> Keys | None:
    if credentials is not None:
        return Keys(access="", secret=read_secret(credentials))
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
