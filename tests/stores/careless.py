"""An S3 server that says 200 to everything it does not look at, as some real ones do.

It refuses strangers and keeps objects; ``ignores`` names what it does not look at: ``condition``
(rclone's server says 200 to a conditional put and overwrites) and ``checksum``.
"""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


@contextmanager
def careless(ignores: frozenset[str]) -> Iterator[str]:
    """Serve one heap of objects under every bucket; yields the URL."""
    objects: dict[str, bytes] = {}

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body, name = self._body(), urlsplit(self.path).path
            said = self.headers.get("x-amz-checksum-sha256")
            if "condition" not in ignores and "if-none-match" in self.headers and name in objects:
                self._answer(412)
            elif "checksum" not in ignores and said is not None and said != _sha256(body):
                self._answer(400)
            elif self._is_known():
                objects[name] = body
                self._answer(200, headers={"etag": f'"{len(objects)}"'})

        def do_GET(self) -> None:
            self._body()
            if not self._is_known():
                return
            parts = urlsplit(self.path)
            if parts.path in objects:
                moment = "Wed, 25 Nov 2026 12:00:00 GMT"
                headers = {"etag": '"1"', "last-modified": moment}
                self._answer(200, objects[parts.path], headers)
            elif "list-type" in parse_qs(parts.query):
                prefix = parse_qs(parts.query).get("prefix", [""])[0]
                self._answer(200, _listing(parts.path.strip("/"), prefix, objects))
            else:
                self._answer(404)

        do_HEAD = do_GET

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length") or 0))

        def _is_known(self) -> bool:
            if "authorization" not in self.headers:
                self._answer(403)
                return False
            return True

        def _answer(
            self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _listing(bucket: str, prefix: str, objects: dict[str, bytes]) -> bytes:
    names = [name.removeprefix(f"/{bucket}/") for name in objects]
    entries = "".join(
        f"<Contents><Key>{escape(name)}</Key><Size>1</Size>"
        f"<LastModified>2026-11-25T12:00:00.000Z</LastModified></Contents>"
        for name in names
        if name.startswith(prefix)
    )
    return f"<ListBucketResult>{entries}</ListBucketResult>".encode()
