"""What must be true before anything starts: room on the disk, and ports that are ours.

Ports are chosen once and remembered, so that clients configured yesterday still find the stack.
They are taken from below the range that systems hand out for outgoing connections: a remembered
port there would sooner or later belong to some browser.
"""

import contextlib
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
# The store's admin takes one more port, 10,000 above its own.
_LOWEST, _HIGHEST = 10_240, 22_000
_BLOCK = 32
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
    """Return a port for each name: the one in ``keep``, else a free one.

    New ports lie side by side in one block of its own, so that two stacks of a machine, one of
    them resting, rarely reach for the same.
    """
    ports = {name: keep[name] for name in names if name in keep}
    missing = [name for name in names if name not in keep]
    while missing:
        start = random.randrange(_LOWEST, _HIGHEST, _BLOCK)  # noqa: S311 (not a secret)
        block = dict(zip(missing, range(start, start + _BLOCK), strict=False))
        fits = not set(block.values()) & set(ports.values())
        if fits and all(is_free(port) for port in block.values()):
            ports |= block
            missing = missing[_BLOCK:]
    return ports


def remembered_ports(path: Path, names: Iterable[str], *, new: bool = False) -> dict[str, int]:
    """Return the stack's ports, choosing what is missing; all anew if ``new``.

    Raises:
        Permanent: another program listens on a remembered port, or what is remembered are none.
    """
    wanted = tuple(names)
    known: dict[str, int] = {}
    if path.exists() and not new:
        known = _read(path)
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


def _read(path: Path) -> dict[str, int]:
    found: object = None
    with contextlib.suppress(ValueError):
        found = json.loads(path.read_text())
    if not isinstance(found, dict) or not all(_is_port(port) for port in found.values()):
        raise Permanent(
            f"{path} does not hold ports: choose others with `stream-ops dev up --new-ports`",
            reason="ports",
        )
    return found


def _is_port(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 16
