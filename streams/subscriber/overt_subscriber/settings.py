"""The reader's settings: one TOML file; an unknown key is an error."""

import ssl
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from overt_schemas import client
from overt_schemas.errors import Malformed


class Authority(BaseModel):
    """Where the authority is, whom it must be, and who we are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern="^https://")  # released keys come that way
    ca: Path
    cert: Path
    key: Path
    root_key: Path  # hex Ed25519 public key of the offline root


class Kafka(BaseModel):
    """The brokers, for a grant's live feed; stored data needs none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bootstrap: str = Field(min_length=1)
    ca: Path
    username: str
    password_file: Path

    def connection(self) -> client.Config:
        """Return the connection for librdkafka.

        Raises:
            Malformed: the password or the CA cannot be read.
        """
        try:
            password = self.password_file.read_text("utf-8").strip()
            # librdkafka would say it later, and less well.
            ssl.create_default_context(cafile=str(self.ca))
        except (OSError, ValueError) as exc:
            raise Malformed(
                "kafka.ca or password_file is missing or not what it should be: "
                "check the settings file",
                reason="settings",
            ) from exc
        return client.scram(self.bootstrap, str(self.ca), self.username, password, "overt-sub")


class Ranges(BaseModel):
    """Large readings straight from the store, where the authority offers it.

    Attributes:
        at_least_bytes: a smaller reading goes through the authority.
        parallel: connections to the store at once.
        ca: whom the store must be; the system's authorities if nobody says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    at_least_bytes: int = Field(default=4 * 1_048_576, ge=0)
    parallel: int = Field(default=4, ge=1, le=32)
    ca: Path | None = None


class Settings(BaseSettings):
    """Everything a reader is configured with. Nothing is ever written to ``state_dir`` yet."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    state_dir: Path | None = None
    authority: Authority
    kafka: Kafka | None = None
    ranges: Ranges = Ranges()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments alone: the environment must not redirect a reader."""
        return (init_settings,)


def load(path: Path) -> Settings:
    """Return the settings in a TOML file.

    Raises:
        Malformed: no such file, not TOML, or keys that are unknown, missing or of a wrong kind.
    """
    if not path.is_file():
        raise Malformed(f"no settings file at {path}: give one with --config", reason="settings")
    try:
        values = TomlConfigSettingsSource(Settings, path)()
        return Settings(**values)
    except ValidationError as exc:
        found = exc.errors(include_input=False, include_url=False)
        # A misspelt key is also a missing one: the misspelling is what helps.
        first = min(found, key=lambda error: error["type"] != "extra_forbidden")
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise Malformed(f"{path}: {where}: {first['msg']}", reason="settings") from exc
    except (ValueError, OSError) as exc:
        raise Malformed(f"{path} is not TOML: {exc}", reason="settings") from exc


def root_public(path: Path) -> bytes:
    """Return the 32 bytes of the pinned root.

    Raises:
        Malformed: the file is not there or is not hex of 32 bytes.
    """
    try:
        public = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as exc:
        raise Malformed(f"root_key {path} is not a file of hex", reason="settings") from exc
    if len(public) != 32:
        raise Malformed(f"root_key {path} is not hex of 32 bytes", reason="settings")
    return public
