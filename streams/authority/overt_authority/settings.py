"""Settings of the authority: one TOML file, readable by its user alone; unknown keys are errors."""

from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from overt_schemas.errors import Permanent


def _opens(url: str) -> str:
    """Return an SQL URL whose driver is here."""
    try:
        sa.make_url(url).get_dialect().import_dbapi()
    except (sa.exc.ArgumentError, ImportError):
        # Not chained: the library's words may hold the password.
        raise ValueError("no SQL URL that can be opened here") from None
    return url


SqlUrl = Annotated[str, AfterValidator(_opens)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(_Section):
    """Where the door is, its certificate, and whose clients may come."""

    host: str = "127.0.0.1"
    port: int
    cert: Path
    key: Path
    client_ca: Path


class DeviceCaFiles(_Section):
    """The CA of endpoints (PEM)."""

    cert: Path
    key: Path


class Root(_Section):
    """The root's private key, in hex: development only, an offline root is nowhere in settings."""

    key: Path


class Bao(_Section):
    """Where person and epoch keys are wrapped."""

    url: str = Field(pattern="^https://")  # keys go there in clear inside TLS
    ca: Path
    role: str = "authority"
    jwt_key: Path


class FileRootFolder(_Section):
    """Instead of OpenBao: root keys in a folder. Tests and development without a key server."""

    dir: Path


class DatabaseUrl(_Section):
    """The authority's own SQL."""

    url: SqlUrl


class Kafka(_Section):
    """Brokers as services reach them."""

    bootstrap: str
    ca: Path
    username: str = "authority"
    password_file: Path


class EndpointKafka(_Section):
    """Brokers as endpoints reach them: told to each at enrolment."""

    bootstrap: str
    ca: Path


class Store(_Section):
    """The tiers, by the same keys as a sink's; ``grants.stores`` says what URLs there are."""

    url: str
    region: str = "us-east-1"
    account: str = ""  # of Azure
    endpoint: str = ""  # another address of s3://, gs:// or az://
    virtual_hosted: bool = False
    credentials_file: Path | None = None  # a service account (gs), an account key or SAS (az)
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    hot: str = "hot"
    warm: str = "warm"
    cold: str = "cold"
    ranges: bool = True  # presigned ranges for bulk, where the store passes their proof
    ranges_url: str | None = None  # where subscribers reach the store, if not at ``url``
    filer_probe_url: str | None = None  # the sink's, ignored here

    @property
    def buckets(self) -> dict[str, str]:
        """The bucket of each tier."""
        return {"hot": self.hot, "warm": self.warm, "cold": self.cold}


class IndexUrl(_Section):
    """The sink's index."""

    url: SqlUrl


class Beacon(_Section):
    """How often, and how long a lease lasts."""

    interval_s: float = 20.0
    valid_s: float = 900.0


class Policies(_Section):
    """Folder of TOML files, one a group."""

    dir: Path


class AuthorityRef(_Section):
    """How other rooms reach the authority; here only the pinned root is looked at."""

    url: str = ""
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    root_key: Path | None = None


class Settings(BaseSettings):
    """All of them."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    state_dir: Path
    listen: Listen
    device_ca: DeviceCaFiles
    root: Root
    bao: Bao | None = None
    file_root: FileRootFolder | None = None
    database: DatabaseUrl
    kafka: Kafka
    endpoint_kafka: EndpointKafka
    store: Store
    index: IndexUrl
    beacon: Beacon = Beacon()
    policies: Policies | None = None
    authority: AuthorityRef | None = None

    @property
    def policies_dir(self) -> Path:
        """Where policies lie; beside the state if nobody says."""
        return self.policies.dir if self.policies else self.state_dir / "policies"

    @property
    def secrets(self) -> tuple[Path, ...]:
        """Every file that nobody else may read."""
        named = (
            self.root.key, self.device_ca.key, self.listen.key, self.kafka.password_file,
            self.store.secret_key_file, self.store.credentials_file,
            self.bao.jwt_key if self.bao else None,
        )  # fmt: skip
        return tuple(path for path in named if path is not None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing from the environment, which other programs can see."""
        return (init_settings,)


def load(path: Path) -> Settings:
    """Return the settings in a file.

    Raises:
        Permanent: no such file, readable by others, not TOML, a key too few, too many or wrong.
    """
    if not path.is_file():
        raise Permanent(f"no settings file {path}: name one with --config", reason="settings")
    if path.stat().st_mode & 0o077:
        raise Permanent(f"{path} may be read by others: chmod 600 it", reason="settings")
    try:
        values = TomlConfigSettingsSource(Settings, toml_file=path)()
        settings = Settings(**values)
    except ValidationError as exc:
        where = ", ".join(".".join(str(p) for p in e["loc"]) for e in exc.errors())
        raise Permanent(f"{path}: missing, unknown or wrong: {where}", reason="settings") from exc
    except ValueError as exc:
        raise Permanent(f"{path} is not TOML", reason="settings") from exc
    if (settings.bao is None) == (settings.file_root is None):
        raise Permanent(f"{path}: needs [bao] or [file_root], not both", reason="settings")
    return settings
