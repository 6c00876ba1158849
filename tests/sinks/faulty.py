"""A proxy before an S3 server that misbehaves as scripted, one word a request.

``ok`` passes on. ``503`` and ``409`` answer so without asking. ``lost`` passes on and hangs up
instead of answering. ``slow`` answers only after the client has given up. ``cut`` sends half of the
answer's body. ``wrong`` changes one byte of it.
"""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Faults:
    """What the next requests of a method meet; when the script ends, all is well."""

    put: list[str] = field(default_factory=list)
    get: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def next(self, method: str) -> str:
        """Return the next word."""
        script = self.put if method == "PUT" else self.get
        word = script.pop(0) if script else "ok"
        self.met.append(word)
        return word


@contextmanager
def before(url: str, faults: Faults) -> Iterator[str]:
    """A proxy before the server at ``url``; yields its own URL."""
    upstream = urlsplit(url).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            word = faults.next(self.command)
            if word in ("503", "409"):
                self._answer(int(word), {}, b"<Error><Code>SlowDown</Code></Error>")
                return
            status, headers, answer = self._pass_on(body)
            match word:
                case "lost":
                    self.close_connection = True
                case "slow":
                    faults.over.wait(30)
                    self.close_connection = True
                case "cut":
                    self._answer(status, headers, answer, sent=len(answer) // 2)
                case "wrong":
                    middle = len(answer) // 2
                    changed = bytes([answer[middle] ^ 1])
                    self._answer(status, headers, answer[:middle] + changed + answer[middle + 1 :])
                case _:
                    self._answer(status, headers, answer)

        do_PUT = do_HEAD = do_GET

        def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            server = http.client.HTTPConnection(upstream, timeout=20)
            # The signature covers the host that the client asked, so it stays.
            server.request(self.command, self.path, body, dict(self.headers))
            found = server.getresponse()
            answer = found.read()
            server.close()
            return found.status, dict(found.getheaders()), answer

        def _answer(
            self, status: int, headers: dict[str, str], body: bytes, sent: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:sent])
            if sent is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        faults.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
