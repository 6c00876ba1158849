"""The unix socket over which `overtd status|pause|resume|opt-out|consent` speaks to capture.

One JSON line each way: ``{"do": name}`` and the status, or ``{"error": sentence}``. The socket has
mode 0600 and the peer's uid is checked as well: nobody but the person (or root) can ask anything,
and nothing that can be asked starts a capture the person did not agree to.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from overt_producer.home import Home
from overt_schemas.errors import Permanent, Transient

NAME = "capture.sock"
LINE_LIMIT = 65_536
CLIENT_TIMEOUT_S = 5.0
PEER_TIMEOUT_S = 0.2  # for the whole line: capture's loop waits for it
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class LocalServer:
    """Capture's end; ``serve`` is called once a tick and never blocks on a silent peer."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._socket: socket.socket | None = None
        self._commands: dict[str, Callable[[], Any]] = {}

    def open(self, commands: dict[str, Callable[[], Any]]) -> None:
        """Begin to listen."""
        self._commands = commands
        self._home.file(NAME).unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _Directory(self._home) as path:
            server.bind(path)
        self._home.file(NAME).chmod(0o600)
        server.listen(8)
        server.setblocking(False)
        self._socket = server

    def serve(self) -> None:
        """Answer whoever has asked since the last call."""
        while self._socket is not None:
            try:
                peer, _ = self._socket.accept()
            except BlockingIOError:
                return
            with peer:
                self._answer(peer)

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._home.file(NAME).unlink(missing_ok=True)

    def _answer(self, peer: socket.socket) -> None:
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(raw)
        if uid not in (os.getuid(), 0):
            _refused()
            return
        try:
            request = json.loads(_line(peer, PEER_TIMEOUT_S))
            command = self._commands.get(request.get("do", ""))
            answer = command() if command else {"error": "unknown command"}
            peer.sendall(json.dumps(answer).encode() + b"\n")
        except (OSError, ValueError, AttributeError):
            _refused()


def ask(home: Home, command: str) -> dict[str, Any]:
    """Return what capture answers.

    Raises:
        Transient: capture does not run here (``not_running``), or did not answer.
    """
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(CLIENT_TIMEOUT_S)
    with client:
        try:
            with _Directory(home) as path:
                client.connect(path)
            client.sendall(json.dumps({"do": command}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(_line(client, CLIENT_TIMEOUT_S))
        except (FileNotFoundError, ConnectionRefusedError) as exc:
            raise Transient(
                f"capture does not run for {home.path}: start it with `overtd run`",
                reason="not_running",
            ) from exc
        except (OSError, ValueError) as exc:
            raise Transient("capture did not answer: try again", reason="no_answer") from exc
    if "error" in answer:
        raise Permanent(str(answer["error"]), reason="local")
    return answer


def _refused() -> None:
    from overt_producer import telemetry  # not for those who only ask: structlog takes its time

    telemetry.local_refused()


def _line(peer: socket.socket, timeout_s: float) -> bytes:
    data, deadline_s = b"", time.monotonic() + timeout_s
    while not data.endswith(b"\n"):
        # A timeout of the socket alone would begin anew with every byte.
        peer.settimeout(max(deadline_s - time.monotonic(), 0.001))
        more = peer.recv(4096)
        if not more or len(data) > LINE_LIMIT:
            raise ValueError("not one line")
        data += more
    return data


class _Directory:
    """Give the socket's path through an open directory: a sockaddr holds 107 bytes only."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._handle = -1

    def __enter__(self) -> str:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        self._handle = os.open(self._home.path, flags)
        return f"/proc/self/fd/{self._handle}/{NAME}"

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
