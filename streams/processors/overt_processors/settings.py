"""What a processor is told: one TOML file, readable by its owner alone.

```toml
state_dir = "..."
[kafka]
bootstrap = "host:port"
ca = "ca.pem"
username = "refine"
password_file = "kafka.password"
[authority]
root_key = "root.pub"        # hex, the offline root's Ed25519 public key
url = "https://host:port"    # this and the rest for refine alone: where its keys come from
ca = "ca.pem"
cert = "cert.pem"
key = "key.pem"
[metrics]
listen = "127.0.0.1:0"       # for Prometheus; port 0: any, told in <state_dir>/metrics; "": none
[refine]                     # [feed], [session]: one for each app, may be left out
commit_interval_s = 1.0
```
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from overt_schemas import client
from overt_schemas.errors import Permanent

_PRIVATE = 0o077  # bits that a file with the paths of keys must not have
_ROOT_BYTES = 32


class Kafka(BaseModel):
    """The brokers, and as whom to come in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bootstrap: str
    ca: Path
    username: str
    password_file: Path

    def password(self) -> str:
        """Return the SCRAM password."""
        return self.password_file.read_text().strip()

    def connection(self, client_id: str) -> client.Config:
        """Return the connection for librdkafka."""
        return client.scram(self.bootstrap, str(self.ca), self.username, self.password(), client_id)


class Authority(BaseModel):
    """The root that everything is trusted by, and where keys come from if this app needs some."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root_key: Path
    url: str = ""
    ca: Path = Path()
    cert: Path = Path()
    key: Path = Path()

    def require(self) -> None:
        """Return nothing if the authority can be asked for keys.

        Raises:
            Permanent: its address or our identity is not in the settings.
        """
        needed = {"url", "ca", "cert", "key"}
        missing = sorted(needed - self.model_fields_set)
        if missing:
            raise Permanent(
                f"authority.{missing[0]}: missing, and this app needs the processors' keys",
                reason="settings",
            )

    def root(self) -> bytes:
        """Return the root's public key.

        Raises:
            Permanent: the file holds something else.
        """
        try:
            raw = bytes.fromhex(self.root_key.read_text().strip())
        except ValueError:
            raw = b""
        if len(raw) != _ROOT_BYTES:
            raise Permanent(
                f"{self.root_key} does not hold an Ed25519 public key in hex: "
                "copy the root key of the deployment there",
                reason="root_key",
            )
        return raw


class Metrics(BaseModel):
    """Where Prometheus may ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Loopback: what is shown names nobody, and still says when people work.
    listen: str = Field(default="127.0.0.1:0", pattern=r"^(|(\[[0-9a-f:]+\]|[^\s:]+):\d{1,5})$")


class Pace(BaseModel):
    """How a Faust worker runs; the defaults are those that were measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # What a crash repeats is what was read since the last commit.
    commit_interval_s: float = Field(default=1.0, ge=0.5, le=5.0)
    # A worker that is killed holds its partitions for so long (its own restart takes them at once).
    session_timeout_s: float = Field(default=10.0, ge=6.0, le=30.0)
    # Produced and not yet acknowledged, in records and bytes: what may be repeated, and memory.
    in_flight: int = Field(default=2000, ge=1)
    in_flight_bytes: int = Field(default=33_554_432, ge=1_048_576)


class Session(Pace):
    """When sessions are written, and when one ends that nobody ended."""

    # A record waits for its acknowledgement until its session has been written, and takes up
    # 1 KB so long: at 600 parts a second these are the 30 s of `update_s`.
    in_flight: int = Field(default=20_000, ge=1)
    # While nothing but counts changes, a session is written so often at most.
    update_s: float = Field(default=30.0, ge=0.0, le=600.0)
    # An endpoint's spool keeps a batch for 72 h: after that nothing of a session can come any more.
    silent_after_s: float = Field(default=72 * 3600.0, gt=0.0, le=7 * 86_400.0)


class Settings(BaseSettings):
    """All of it. Unknown keys are errors; ``OVERT_PROCESSORS_REFINE__...`` overrides the file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="OVERT_PROCESSORS_", env_nested_delimiter="__"
    )

    state_dir: Path
    kafka: Kafka
    authority: Authority
    metrics: Metrics = Metrics()
    refine: Pace = Pace()
    feed: Pace = Pace()
    session: Session = Session()

    def pace(self, section: str) -> Pace:
        """Return how the app of that section runs."""
        paces: dict[str, Pace] = {
            "refine": self.refine, "feed": self.feed, "session": self.session,
        }  # fmt: skip
        return paces[section]

    @property
    def ready(self) -> Path:
        """The file that exists while this worker has its partitions."""
        return self.state_dir / "ready"


def load(path: Path) -> Settings:
    """Return the settings in a file.

    Raises:
        Permanent: not there, not private, not TOML, or not these keys.
    """
    try:
        if path.stat().st_mode & _PRIVATE:
            raise Permanent(f"{path} can be read by others: chmod 600 it", reason="settings")
        values = tomllib.loads(path.read_text())
    except OSError as exc:
        raise Permanent(f"cannot read {path}: {exc.strerror}", reason="settings") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise Permanent(f"{path} is not TOML: {exc}", reason="settings") from exc
    try:
        return Settings(**values)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise Permanent(f"{path}: {where}: {first['msg']}", reason="settings") from exc
