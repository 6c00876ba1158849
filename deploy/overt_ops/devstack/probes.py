"""Whether a process serves, and whether it serves only whom it should.

Called from the supervisor's loop while something is starting, so every look is bounded by a third
of a second, and nothing here waits.
"""

import http.client
import socket
import ssl
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from overt_ops.devstack.preflight import LOOPBACK
from overt_ops.devstack.service import Probe

_LOOK_S = 0.3
_CLOSED = frozenset({401, 403, 404})


class Outcome(Enum):
    """What a look found."""

    NOT_YET = "not yet"
    READY = "ready"
    UNSAFE = "unsafe"


def look(probe: Probe, pid: int) -> tuple[Outcome, str]:
    """Return whether the process is ready; for an unsafe one, the reason in words."""
    if not _serves(probe, pid):
        return Outcome.NOT_YET, ""
    for url in probe.refused_urls:
        status = _status(url, "")
        if status is None:
            return Outcome.NOT_YET, ""
        if status not in _CLOSED:
            return Outcome.UNSAFE, f"{url} answers {status} to a stranger"
    if probe.port:
        strangers = _foreign_addresses(pid)
        if strangers:
            return Outcome.UNSAFE, f"listens beyond loopback: {', '.join(strangers)}"
    return Outcome.READY, ""


def _serves(probe: Probe, pid: int) -> bool:
    if probe.ready_file and not _is_fresh(Path(probe.ready_file), pid):
        return False
    if probe.port and not _accepts(probe.port):
        return False
    return not probe.url or _status(probe.url, probe.ca) == http.client.OK


def _is_fresh(file: Path, pid: int) -> bool:
    try:
        return file.stat().st_mtime >= psutil.Process(pid).create_time()
    except (OSError, psutil.Error):
        return False


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), _LOOK_S):
            return True
    except OSError:
        return False


def _status(url: str, ca: str) -> int | None:
    parts = urlsplit(url)
    host, port = parts.hostname or LOOPBACK, parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(host, port, timeout=_LOOK_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_LOOK_S)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _foreign_addresses(pid: int) -> list[str]:
    """Return addresses other than loopback on which the process or its children listen."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        listening = [
            f"{conn.laddr.ip}:{conn.laddr.port}"
            for member in family
            for conn in member.net_connections(kind="inet")
            if conn.status == psutil.CONN_LISTEN
        ]
    except psutil.Error:
        return []  # gone, or another user's: the exit is seen elsewhere
    return [a for a in listening if not a.removeprefix("::ffff:").startswith(("127.", "::1:"))]
