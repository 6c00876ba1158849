"""Where everything of one embedded stack lies. Pure: names paths, touches nothing.

A state directory (0700) holds::

    root.key root.pub      the offline root (Ed25519, 32 bytes in hex): certifies signing keys
    ca/                    service.crt/.key (brokers and services), device.crt/.key (endpoints only)
    principals/NAME/       all that one principal owns: cert.pem key.pem kafka.password s3.* jwt.pem
    services/NAME/         settings.toml and the service's own 0700 folder state/
    kafka/ seaweed/ bao/   configuration and data of the three servers
    index/                 the index of stored parts (the sink writes, the authority reads)
    run/                   ports.json, table.json, supervisor.json, processes.json, lock
    logs/NAME.log          what each process said

Nothing outside the directory belongs to one stack; jars and the AOT cache are shared by all
stacks of a user (``cache_dir``).
"""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "overt"


def default_state() -> Path:
    """Return ``$OVERT_STATE``, else the user's data directory."""
    chosen = os.environ.get("OVERT_STATE")
    return Path(chosen) if chosen else Path(platformdirs.user_data_path(APP)) / "dev"


def cache_dir() -> Path:
    """Return the user's cache directory: what can be fetched or made again."""
    return Path(platformdirs.user_cache_path(APP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths below one state directory."""

    state: Path

    @property
    def root_key(self) -> Path:
        """The offline root's private key; only the authority's settings point at it."""
        return self.state / "root.key"

    @property
    def root_pub(self) -> Path:
        """The offline root's public key: what everybody pins."""
        return self.state / "root.pub"

    @property
    def ca(self) -> Path:
        """Folder of the two certificate authorities."""
        return self.state / "ca"

    @property
    def service_ca(self) -> Path:
        """Certificate that brokers and services are verified against."""
        return self.ca / "service.crt"

    @property
    def device_ca(self) -> Path:
        """Certificate that endpoints are verified against, and nobody else."""
        return self.ca / "device.crt"

    @property
    def client_ca(self) -> Path:
        """Both certificates in one file: who may speak to the authority at all."""
        return self.ca / "clients.pem"

    @property
    def principals(self) -> Path:
        """Folder of all principals."""
        return self.state / "principals"

    def principal(self, name: str) -> Path:
        """Folder with everything that principal ``name`` owns."""
        return self.principals / name

    def service(self, name: str) -> Path:
        """Folder of one process of the product."""
        return self.state / "services" / name

    def settings(self, name: str) -> Path:
        """Return the settings file of one process of the product."""
        return self.service(name) / "settings.toml"

    @property
    def index(self) -> Path:
        """The sink's index; the authority reads it."""
        return self.state / "index" / "index.db"

    @property
    def run(self) -> Path:
        """Folder of what belongs to the running stack."""
        return self.state / "run"

    @property
    def applied(self) -> Path:
        """File that stands once the topology was applied to the servers that run now."""
        return self.run / "applied"

    def log(self, name: str) -> Path:
        """Return the log file of process ``name``."""
        return self.state / "logs" / f"{name}.log"
