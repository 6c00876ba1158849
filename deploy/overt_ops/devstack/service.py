"""One process of the stack, as data: how it is started, known to be ready, and stopped.

The table of services crosses a process border (the command that starts the stack writes it, the
supervisor reads it), so everything here turns into JSON and back. No secret stands in it: argv
and environment are visible to other programs, so services get the *path* of their settings.
"""

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# Stands in an argv for the supervisor's folder of sockets, which exists only while it runs.
SOCKETS = "{sockets}"
# Nothing else of the caller's environment reaches a server: WEED_*, BAO_*, VAULT_*, KAFKA_* and
# JAVA_TOOL_OPTIONS would quietly change what runs.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How readiness is seen: all that is given here must hold; a second of life if nothing is.

    Attributes:
        port: loopback port that must accept a connection; the one shown by ``dev status``.
        url: must answer 200; ``ca`` verifies it where it is https.
        ready_file: must have been touched since the process was born; services of the product do
            that once they serve, and remove it when they don't.
        refused_urls: must answer 401, 403 or 404 to a stranger, else the process is stopped for
            good: an open side door is worse than no service.
    """

    port: int = 0
    url: str = ""
    ca: str = ""
    ready_file: str = ""
    refused_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process. ``stage`` orders starts; stops go the other way round."""

    name: str
    argv: tuple[str, ...]
    cwd: str
    log: str
    stage: int
    probe: Probe
    env: dict[str, str] = field(default_factory=dict)
    stop_s: float = 10.0
    # How long a start may take before it counts as hung and is killed.
    start_s: float = 60.0

    def environment(self) -> dict[str, str]:
        """Return the whole environment the process gets."""
        return {k: os.environ[k] for k in _KEPT if k in os.environ} | self.env


def to_json(services: Iterable[Service]) -> str:
    """Return the table as JSON."""
    return json.dumps([dataclasses.asdict(service) for service in services], indent=1)


def from_json(text: str) -> tuple[Service, ...]:
    """Return the table that ``to_json`` wrote."""
    return tuple(_service(row) for row in json.loads(text))


def _service(row: dict[str, Any]) -> Service:
    probe = dict(row["probe"])
    probe["refused_urls"] = tuple(probe["refused_urls"])
    return Service(**{**row, "argv": tuple(row["argv"]), "probe": Probe(**probe)})
