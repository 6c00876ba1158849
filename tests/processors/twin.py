"""The authority's twin: answers one question, over mTLS, and counts how often it was asked."""

import base64
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from overt_schemas import api
from tests.processors.world import World


def answer(world: World) -> dict[str, Any]:
    """Return what the authority says to the processors of that world."""
    private = base64.b64encode(world.scripted.processor.to_bytes()).decode()
    epoch = {"key_id": world.scripted.processor_key, "private": private}
    seed = base64.b64encode(world.signer.seed()).decode()
    return {
        "epochs": [{**epoch, "not_before_ms": 0, "not_after_ms": 4_000_000_000_000}],
        "signing": {"key_id": world.signer.key_id, "seed": seed},
    }


@dataclass
class TwinAuthority:
    """An HTTPS server that wants a client certificate; ``status`` other than 200 refuses."""

    world: World
    cert: Path
    key: Path
    client_ca: Path
    port: int = 0
    status: int = 200
    asked: int = 0
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> "TwinAuthority":
        twin = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                twin.asked += 1
                known = self.path == api.PROCESSOR_KEYS
                body = json.dumps(answer(twin.world) if known else {}).encode()
                self.send_response(twin.status if known else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        context.load_verify_locations(self.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
