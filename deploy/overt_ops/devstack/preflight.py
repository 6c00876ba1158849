"""What must be true before anything starts: room on the disk, and ports that are ours.

Ports are chosen once and remembered, so that clients configured yesterday still find the stack.
They are taken from below the range that systems hand out for outgoing connections: a remembered
port there would sooner or later belong to some browser.
"""

import errno
import json
import random
import shutil
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from overt_ops.private import write_private
from overt_schemas.errors import Permanent

LOOPBACK = "127.0.0.1"
# Linux hands out 32768-60999 by default; below 10240 live well-known services.
_LOWEST, _HIGHEST = 10_240, 32_000
# Kafka's logs, the store's volumes and the jars of a day's play, with room to spare.
NEEDED_BYTES = 2 * 2**30


def check_disk(path: Path, needed_bytes: int = NEEDED_BYTES) -> None:
    """Raise ``Permanent`` if the disk below ``path`` has less than ``needed_bytes`` free."""
    existing = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise Permanent(
            f"only {free / 2**30:.1f} GiB free for {path}, {needed_bytes / 2**30:.0f} GiB needed: "
            "free some space or choose another place with --state DIR",
            reason="disk",
        )


def is_free(port: int) -> bool:
    """Whether nothing listens on ``port`` of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without it, the waiting remains of yesterday's connections look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def choose_ports(names: Iterable[str], keep: Mapping[str, int]) -> dict[str, int]:
    """Return a port for each name: the one in ``keep``, else a free one nobody in it uses."""
    ports = {name: keep[name] for name in names if name in keep}
    for name in names:
        while name not in ports:
            port = random.randrange(_LOWEST, _HIGHEST)  # noqa: S311 (not a secret)
            if port not in ports.values() and is_free(port):
                ports[name] = port
    return ports


def remembered_ports(path: Path, names: Iterable[str], *, new: bool = False) -> dict[str, int]:
    """Return the stack's ports, choosing what is missing; all anew if ``new``.

    Raises:
        Permanent: another program listens on a remembered port.
    """
    wanted = tuple(names)
    known: dict[str, int] = {}
    if path.exists() and not new:
        known = json.loads(path.read_text())
    for name, port in known.items():
        if not is_free(port):
            raise Permanent(
                f"port {port} ({name}) is taken by another program: stop it, "
                "or choose others with `stream-ops dev up --new-ports`",
                reason="port_taken",
            )
    ports = choose_ports(wanted, known)
    if ports != known:
        write_private(path, json.dumps(ports, indent=1))
    return ports
