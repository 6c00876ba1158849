"""fake-gcs-server, an emulator of Google Cloud Storage, behind a bridge to obstore's interface.

The server has Google's JSON interface and of the XML one only reading. obstore uploads by XML: the
bridge turns such a PUT (condition, checksum) into the JSON upload that means the same, and passes
everything else on untouched. Conditions and checksums are judged by the server, not by the bridge.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from overt_sinks.stores.target import Keys, Site
from tests.stores.install import go_program
from tests.stores.serving import free_port, serving

MODULE, VERSION = "github.com/fsouza/fake-gcs-server", "v1.56.1"
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "host"}
_EDGE = "of-the-bridge"


def program() -> Path:
    """Return the program, installed once."""
    return go_program(MODULE, VERSION)


@contextmanager
def fake_gcs(folder: Path) -> Iterator[tuple[str, Site]]:
    """Serve buckets from memory; yields the server's own URL, and the way through the bridge."""
    folder.mkdir(parents=True)
    front = free_port()

    def command(port: int) -> list[str | Path]:
        return [
            program(), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1",
            "-port", str(port), "-public-host", f"127.0.0.1:{port}", "-log-level", "error",
        ]  # fmt: skip

    with serving(command, folder) as url, _bridge(url, front) as bridged:
        yield url, Site(endpoint=bridged)


def make_bucket(url: str, name: str) -> None:
    """Make a bucket."""
    httpx.post(f"{url}/storage/v1/b?project=test", json={"name": name}).raise_for_status()


def service_account() -> Keys:
    """Return an identity as Google hands it out; its key is made here and nobody checks it."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account", "client_email": "sink@test.invalid", "private_key_id": "one",
        "private_key": key.decode(),
    }  # fmt: skip
    return Keys(access="", secret=json.dumps(account))


@contextmanager
def _bridge(url: str, port: int) -> Iterator[str]:
    client = httpx.Client(base_url=url, timeout=20)
    host = urlsplit(url).netloc

    class Bridge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.command == "PUT":
                self._upload(body)
                return
            kept = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            found = client.request(
                self.command, self.path, content=body, headers={**kept, "host": host}
            )
            self._answer(found.status_code, dict(found.headers), found.content)

        do_PUT = do_HEAD = do_DELETE = do_POST = do_GET

        def _upload(self, body: bytes) -> None:
            bucket, _, name = urlsplit(self.path).path.lstrip("/").partition("/")
            query = {"uploadType": "multipart", "name": unquote(name)}
            if (condition := self.headers.get("x-goog-if-generation-match")) is not None:
                query["ifGenerationMatch"] = condition
            found = client.post(
                f"/upload/storage/v1/b/{bucket}/o?{urlencode(query)}",
                content=_related(unquote(name), self.headers.get("content-md5"), body),
                headers={"content-type": f"multipart/related; boundary={_EDGE}", "host": host},
            )
            if found.status_code != httpx.codes.OK:
                self._answer(found.status_code, {}, found.content)
                return
            said = found.json()
            headers = {"etag": f'"{said["etag"]}"', "x-goog-generation": said["generation"]}
            self._answer(found.status_code, headers, b"")

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            length = headers.get("content-length") if self.command == "HEAD" else str(len(body))
            self.send_header("content-length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Bridge)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        client.close()


def _related(name: str, md5: str | None, body: bytes) -> bytes:
    about = json.dumps({"name": name, **({"md5Hash": md5} if md5 else {})}).encode()
    edge = f"--{_EDGE}".encode()
    return b"\r\n".join(
        (
            edge, b"Content-Type: application/json", b"", about,
            edge, b"Content-Type: application/octet-stream", b"", body,
            edge + b"--", b"",
        )
    )  # fmt: skip
