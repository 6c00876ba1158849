"""What a keeper is told of its broker: a JSON file that holds paths and no secret."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from overt_ops.private import write_private

OWNER = "overt.stack"  # label of all that belongs to one stack; its value is the cluster's id
KEEPER = "overt.keeper"  # label of the one container that a keeper has started: its pid
PART = "overt.broker"  # label of one broker's containers


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One broker in a container.

    Attributes:
        network: id of the container whose network it shares.
        volume: where its data outlive the container; ``mount`` is their place inside.
        script: what ``sh`` runs inside.
        files: what is copied into it, by path on this machine.
        port: door that answers once it serves; ``ca`` verifies it.
        ready: file that stands while it serves.
        stop_s: how long it may take to stop.
    """

    name: str
    owner: str
    image: str
    network: str
    volume: str
    mount: str
    script: str
    files: dict[str, str]
    port: int
    ca: str
    ready: str
    stop_s: int

    def write(self, path: Path) -> Path:
        """Write the file that ``read`` reads."""
        return write_private(path, json.dumps(asdict(self), indent=1))

    @staticmethod
    def read(path: Path) -> "Spec":
        """Return what was written."""
        return Spec(**json.loads(path.read_text()))
