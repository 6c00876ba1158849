"""A proxy before an S3 server that misbehaves, one word a request: as scripted, or by chance.

``ok`` passes on. ``503`` and ``409`` answer so without asking. ``lost`` passes on and hangs up
instead of answering. ``slow`` answers only after the client has given up, ``late`` after a moment.
``cut`` sends half of the answer's body, ``wrong`` changes one byte of it. ``torn`` passes half of
the request's body on and hangs up on both, ``garbled`` changes one byte of it on its way.

It keeps a list of the names that the server said it stored: a name there twice was overwritten.
"""

import http.client
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_LATE_S = 0.3


@dataclass
class Faults:
    """What the next requests of a method meet; when the script ends, ``chance`` decides.

    Attributes:
        met: every word, in order.
        stored: how often each path was stored, as the server says.
    """

    put: list[str] = field(default_factory=list)
    get: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    chance: Callable[[str], str] = lambda _method: "ok"
    stored: Counter[str] = field(default_factory=Counter)
    slow_s: float = 30.0
    _lock: Lock = field(default_factory=Lock)

    def next(self, method: str) -> str:
        """Return the next word."""
        script = self.put if method == "PUT" else self.get
        with self._lock:
            word = script.pop(0) if script else self.chance(method)
            self.met.append(word)
        return word

    def answered(self, method: str, path: str, status: int) -> None:
        """Keep what the server says."""
        whole = urlsplit(path)
        if method == "PUT" and status == 200 and "uploadId" not in whole.query:
            with self._lock:
                self.stored[unquote(whole.path)] += 1

    def overwritten(self) -> list[str]:
        """Return the paths that were stored more than once."""
        with self._lock:
            return [path for path, times in self.stored.items() if times > 1]


@contextmanager
def before(url: str, faults: Faults) -> Iterator[str]:
    """A proxy before the server at ``url``; yields its own URL."""
    upstream = urlsplit(url).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes
        wbufsize = -1

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            word = faults.next(self.command)
            if word in ("503", "409"):
                self._answer(int(word), {}, b"<Error><Code>SlowDown</Code></Error>")
                return
            if word == "torn":
                self._tear(body)
                self.close_connection = True
                return
            try:
                sent = _changed(body) if word == "garbled" else body
                status, headers, answer = self._pass_on(sent)
            except (OSError, http.client.HTTPException):
                self.close_connection = True  # the server is away, or hung up
                return
            match word:
                case "lost":
                    self.close_connection = True
                case "slow":
                    faults.over.wait(faults.slow_s)
                    self.close_connection = True
                case "late":
                    faults.over.wait(_LATE_S)
                    self._answer(status, headers, answer)
                case "cut":
                    self._answer(status, headers, answer, sent=len(answer) // 2)
                case "wrong":
                    self._answer(status, headers, _changed(answer))
                case _:
                    self._answer(status, headers, answer)

        do_PUT = do_HEAD = do_POST = do_DELETE = do_GET

        def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            server = http.client.HTTPConnection(upstream, timeout=20)
            try:
                # The signature covers the host that the client asked, so it stays.
                server.request(self.command, self.path, body, dict(self.headers))
                found = server.getresponse()
                # The server has decided, whether or not the rest of its answer arrives.
                faults.answered(self.command, self.path, found.status)
                return found.status, dict(found.getheaders()), found.read()
            finally:
                server.close()

        def _tear(self, body: bytes) -> None:
            server = http.client.HTTPConnection(upstream, timeout=20)
            with suppress(OSError):
                server.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in self.headers.items():
                    server.putheader(name, value)
                server.endheaders(body[: len(body) // 2])
                if server.sock is not None and not body:
                    server.sock.shutdown(socket.SHUT_RDWR)
            server.close()

        def _answer(
            self, status: int, headers: dict[str, str], body: bytes, sent: int | None = None
        ) -> None:
            size = str(len(body))
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
                elif name.lower() == "content-length" and self.command == "HEAD":
                    size = value
            self.send_header("content-length", size)
            with suppress(OSError):  # the client was killed, or gave up
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body[:sent])
                self.wfile.flush()
            if sent is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            return  # clients of a storm hang up in the middle

    server = Server(("127.0.0.1", 0), Proxy)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        faults.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _changed(data: bytes) -> bytes:
    """Return the data with one bit of its middle turned over; nothing has no middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data
