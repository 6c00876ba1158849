"""A store for one object that checks presigned URLs as it should, but for what a test loosens.

``loose`` names one thing that it does not look at; ``status`` makes it answer that to everything.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS, SECRET = "ACCESS", "secret"


@dataclass(slots=True, kw_only=True)
class Loose:
    """What it holds, by path, and how it fails."""

    objects: dict[str, bytes]
    loose: str = ""
    status: int = 0
    refuses_with: int = 403
    now_s: float = 0.0  # how far its clock is ahead
    asked: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, target: str, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
        self.asked += 1
        self.headers.append(dict(headers))
        if self.status:
            return self.status, b""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        data = self.objects.get(unquote(parts.path), b"")
        if not self._is_signed(method, parts.path, query, headers):
            return self.refuses_with, b"<Error>SignatureDoesNotMatch</Error>"
        ranges = [value for name, value in headers if name.lower() == "range"]
        if not ranges or self.loose == "ignores_range":
            return 200, data
        first, _, last = ranges[-1].removeprefix("bytes=").split(",")[-1].partition("-")
        return 206, data[int(first) : int(last) + 1 if last else len(data)]

    def _is_signed(
        self, method: str, path: str, query: dict[str, str], headers: list[tuple[str, str]]
    ) -> bool:
        at = time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        age = self.now_s + time.mktime(time.gmtime()) - time.mktime(at)
        if age > int(query["X-Amz-Expires"]) and self.loose != "expired":
            return False
        request = AWSRequest("GET" if self.loose == "head" else method, self.url + path)
        sent = [(n.lower(), v) for n, v in headers]
        signed = query["X-Amz-SignedHeaders"].split(";")
        if "range" not in signed and self.loose != "unsigned_range":
            return False
        ranges = [value for name, value in sent if name == "range"]
        if "range" in signed:
            request.headers["Range"] = ",".join(ranges)
        signer = S3SigV4QueryAuth(
            Credentials(ACCESS, SECRET), "s3", "us-east-1", expires=int(query["X-Amz-Expires"])
        )
        request.context["timestamp"] = query["X-Amz-Date"]
        signer._modify_request_before_signing(request)
        made = signer.string_to_sign(request, signer.canonical_request(request))
        # What is loose is not looked at: as if the signature did not cover it.
        covered = {
            "no_range": not ranges, "two_ranges": len(ranges) > 1,
            "list_of_ranges": any("," in value for value in ranges),
            "ignores_range": True, "other_object": "other" in path,
            "unsigned_range": "range" not in signed, "longer_life": query["X-Amz-Expires"] != "60",
        }  # fmt: skip
        is_right = bool(signer.signature(made, request) == query["X-Amz-Signature"])
        return is_right or covered.get(self.loose, False)


@contextmanager
def serving(loose: Loose) -> Iterator[Loose]:
    """Answer on a free port until the block ends."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = loose.answer(self.command, self.path, self.headers.items())
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{loose.url}/elsewhere")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    loose.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield loose
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
