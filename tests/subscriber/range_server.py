"""A store that answers ranges as it is told to: rightly, or with one fault.

``fault`` is asked with the number of the request (from 0); "" is a right answer. Every request's
headers are kept in ``seen``.
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = (
    "403", "404", "500", "302", "200", "206-other", "206-longer", "206-shorter", "no-content-range",
    "cut", "hang-up", "other-bytes-length",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Server:
    """Bytes by path."""

    objects: dict[str, bytes] = field(default_factory=dict)
    fault: Callable[[int], str] = lambda _number: ""
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    shown: list[object] = field(default_factory=list)  # what clients showed as a certificate
    is_secure: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://127.0.0.1:{self.port}"

    def answer(self, door: BaseHTTPRequestHandler) -> None:
        with self.lock:
            number = len(self.seen)
            self.seen.append((door.path, {k.lower(): v for k, v in door.headers.items()}))
        data = self.objects.get(door.path.partition("?")[0], b"")
        first, last = map(int, door.headers["Range"].removeprefix("bytes=").split("-"))
        part, told = data[first : last + 1], f"bytes {first}-{last}/{len(data)}"
        match fault := self.fault(number):
            case "hang-up":
                door.close_connection = True
                return
            case "302":
                self._send(door, 302, b"", {"location": f"{self.url}/elsewhere"})
            case "403" | "404" | "500":
                self._send(door, int(fault), b"<Error/>", {})
            case "200":
                self._send(door, 200, data, {})
            case "206-other":
                self._send(door, 206, part, {"content-range": f"bytes 0-{last - first}/9"})
            case "206-longer":
                self._send(door, 206, part + b"x", {"content-range": told})
            case "206-shorter":
                self._send(door, 206, part[:-1], {"content-range": told})
            case "no-content-range":
                self._send(door, 206, part, {})
            case "other-bytes-length" | "cut":
                door.send_response(206)
                door.send_header("content-range", told)
                door.send_header("content-length", str(len(part)))
                door.end_headers()
                door.wfile.write(part[: len(part) // 2])
                door.close_connection = True
            case "then-closes":
                self._send(door, 206, part, {"content-range": told})
                door.close_connection = True
            case _:
                self._send(door, 206, part, {"content-range": told})

    def _send(
        self, door: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        door.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            door.send_header(name, value)
        door.end_headers()
        door.wfile.write(body)


@contextmanager
def serving(tls: ssl.SSLContext | None = None, **changes: Any) -> Iterator[Server]:
    """Answer on a free port until the block ends."""
    made = Server(is_secure=tls is not None, **changes)

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            if isinstance(self.connection, ssl.SSLSocket):
                made.shown.append(self.connection.getpeercert())
            made.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up in the middle is what many tests are about."""

    server = Quiet(("127.0.0.1", 0), Door)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
