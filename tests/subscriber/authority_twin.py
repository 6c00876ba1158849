"""A twin of the authority: real TLS with client certificates, parts from memory, one grant.

``Twin.url`` is up inside ``with``; what it was asked is in ``asked``. Its answers are the
contract's (overt_schemas.api); ``fault`` lets a test spoil one of them.
"""

import base64
import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from overt_schemas import api, codec
from overt_schemas.envelope import marks, part
from overt_schemas.errors import Untrusted
from overt_schemas.records import Marker, Part, Signed
from overt_schemas.signing import Keyring
from overt_subscriber.authority import Released, Wrapped
from overt_subscriber.report import Report
from overt_subscriber.runs import Page, Run
from overt_subscriber.settings import Authority as AuthoritySettings
from overt_subscriber.stored import Stored
from overt_subscriber.subscription import Subscription
from overt_subscriber.values import Item
from tests.subscriber.sealing import PERSON_KEY, ROOT_KEY, keyset, stored

GRANT = "g-0123456789abcdef"
PURPOSE = "research"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run and its bytes."""

    run: str
    kind: str
    device: str
    boot: str
    activity: int
    stream: int
    segment: int
    first_batch: int
    last_batch: int
    records: int
    data: bytes

    def to_json(self) -> dict[str, Any]:
        names = [name for name in self.__slots__ if name != "data"]
        return {**{name: getattr(self, name) for name in names}, "bytes": len(self.data)}


def run_of(values: Sequence[Part | Marker], name: str) -> Row:
    """One run of records that belong together, as the sink would cut it."""
    data = b"".join(codec.pack(stored(value)) for value in values)
    first = values[0]
    shared: dict[str, Any] = {"run": name, "records": len(values), "data": data}
    if isinstance(first, Part):
        segment = part.load(part.SegmentHeader, first.segment)
        numbers = [part.load(part.PartHeader, v.header).batch for v in values]
        return Row(
            kind="part", device=segment.device.hex(), boot=segment.boot.hex(),
            activity=segment.activity, stream=segment.stream, segment=segment.segment,
            first_batch=min(numbers), last_batch=max(numbers), **shared,
        )  # fmt: skip
    mark = marks.read_mark(first)
    place: dict[str, Any] = {
        "activity": -1,
        "stream": -1,
        "segment": -1,
        "first_batch": -1,
        "last_batch": -1,
    }
    if isinstance(mark, marks.TombstoneMark):
        place |= {"stream": mark.stream, "segment": mark.segment}
        place |= {"first_batch": mark.batch, "last_batch": mark.batch}
    device = "" if isinstance(mark, marks.NoticeMark) else mark.device.hex()
    boot = "" if isinstance(mark, marks.NoticeMark) else mark.boot.hex()
    return Row(kind=mark.kind, device=device, boot=boot, **place, **shared)


@dataclass(slots=True)
class Twin:
    """An authority with one grant over everything it holds."""

    folder: Path
    rows: list[Row] = field(default_factory=list)
    keyset: Signed = field(default_factory=keyset)
    asked: list[str] = field(default_factory=list)
    refusal: str = ""  # for every call
    refused_segments: str = ""  # for every segment of a release
    failures: int = 0  # so many calls answer 503 first
    page: int = 3
    spoil: Callable[[bytes], bytes] = bytes
    spoil_key: Callable[[bytes], bytes] = bytes
    after_list: Callable[["Twin"], None] | None = None
    released: int = 0
    port: int = 0

    def add(self, *values: Part | Marker) -> None:
        """Store records, each as a run of its own."""
        for value in values:
            self.rows.append(run_of([value], f"run-{len(self.rows)}"))

    def add_run(self, values: Sequence[Part | Marker]) -> None:
        """Store records as one run."""
        self.rows.append(run_of(values, f"run-{len(self.rows)}"))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def settings(self) -> AuthoritySettings:
        """A reader's settings for this twin."""
        return AuthoritySettings(
            url=self.url, ca=self.folder / "ca.pem", cert=self.folder / "reader.pem",
            key=self.folder / "reader.key", root_key=self.folder / "root.hex",
        )  # fmt: skip

    def config(self) -> Path:
        """A settings file for this twin."""
        path, s = self.folder / "sub.toml", self.settings()
        path.write_text(
            f'[authority]\nurl = "{s.url}"\nca = "{s.ca}"\ncert = "{s.cert}"\nkey = "{s.key}"\n'
            f'root_key = "{s.root_key}"\n'
        )
        return path

    @contextmanager
    def serving(self) -> Iterator["Twin"]:
        """Answer on a free port until the block ends."""
        certificates(self.folder)
        (self.folder / "root.hex").write_text(ROOT_KEY.public_bytes().hex() + "\n")
        config = uvicorn.Config(
            Starlette(routes=self._routes()), host="127.0.0.1", port=0, log_level="critical",
            lifespan="off", ws="none", http="h11", loop="asyncio",
            ssl_certfile=self.folder / "server.pem", ssl_keyfile=self.folder / "server.key",
            ssl_ca_certs=str(self.folder / "ca.pem"), ssl_cert_reqs=ssl.CERT_REQUIRED,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            assert thread.is_alive(), "twin did not start"
            assert time.monotonic() < deadline, "twin did not start in time"
            time.sleep(0.005)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join(10)

    def _routes(self) -> list[Route]:
        return [
            Route(api.KEYSET, self._keyset),
            Route(api.SEGMENTS, self._segments),
            Route(api.READ, self._read, methods=["POST"]),
            Route(api.RELEASE, self._release, methods=["POST"]),
        ]

    def _barred(self, path: str, grant: str = GRANT) -> Response | None:
        self.asked.append(path)
        if self.failures:
            self.failures -= 1
            return JSONResponse({"error": "log"}, 503)
        code = self.refusal or ("" if grant == GRANT else api.NO_GRANT)
        return JSONResponse({"error": code, "detail": "no"}, 403) if code else None

    async def _keyset(self, _: Request) -> Response:
        self.asked.append(api.KEYSET)
        return Response(codec.encode(self.keyset), media_type="application/octet-stream")

    async def _segments(self, request: Request) -> Response:
        query = request.query_params
        if barred := self._barred(api.SEGMENTS, query["grant"]):
            return barred
        start = int(query.get("after", "0"))
        rows = self.rows[start : start + self.page]
        stop = start + len(rows)
        more = stop < len(self.rows)
        if not more and self.after_list is not None:
            self.after_list(self)
        listed = [row.to_json() for row in rows]
        return JSONResponse({"runs": listed, "next": str(stop), "more": more})

    async def _read(self, request: Request) -> Response:
        question = await request.json()
        if barred := self._barred(api.READ, question["grant"]):
            return barred
        known = {row.run: row.data for row in self.rows}
        body = b"".join(known[name] for name in question["runs"])
        return Response(self.spoil(body), media_type="application/octet-stream")

    async def _release(self, request: Request) -> Response:
        question = await request.json()
        if barred := self._barred(api.RELEASE, question["grant"]):
            return barred
        if question["purpose"] != PURPOSE:
            return JSONResponse({"error": api.PURPOSE, "detail": "another purpose"}, 403)
        return JSONResponse({"keys": [self._key(segment) for segment in question["segments"]]})

    def _key(self, segment: dict[str, str]) -> dict[str, str]:
        self.released += 1
        info = part.segment_info(base64.b64decode(segment["header"]))
        if self.refused_segments:
            return {"info": info.hex(), "refused": self.refused_segments}
        try:
            key = PERSON_KEY.unwrap(base64.b64decode(segment["wrap"]), info)
        except Untrusted as exc:
            return {"info": info.hex(), "refused": exc.reason}
        return {"info": info.hex(), "key": base64.b64encode(self.spoil_key(key)).decode()}


@dataclass(slots=True)
class MemoryAuthority:
    """The same answers without TLS or HTTP, for tests that need many. A ``Store`` and ``Keys``."""

    rows: Sequence[Row]
    signed: Signed = field(default_factory=keyset)
    page: int = 1000
    released: list[bytes] = field(default_factory=list)

    def keyring(self) -> Keyring:
        return Keyring(root=ROOT_KEY.public_bytes()).accept(self.signed)

    def segments(self, grant: str, after: str, limit: int) -> Page:
        start = int(after or "0")
        rows = self.rows[start : start + self.page]
        runs = tuple(
            Run(
                run=row.run, kind=row.kind, device=bytes.fromhex(row.device),
                boot=bytes.fromhex(row.boot), activity=row.activity, stream=row.stream,
                segment=row.segment, first_batch=row.first_batch, last_batch=row.last_batch,
                records=row.records, bytes=len(row.data),
            )
            for row in rows
        )  # fmt: skip
        stop = start + len(rows)
        return Page(runs=runs, next=str(stop), more=stop < len(self.rows))

    def read(self, grant: str, runs: Sequence[Run]) -> bytes:
        known = {row.run: row.data for row in self.rows}
        return b"".join(known[run.run] for run in runs)

    def release(
        self, grant: str, purpose: str, segments: Sequence[Wrapped]
    ) -> dict[str, Released]:  # fmt: skip
        answers = {}
        for segment in segments:
            info = part.segment_info(segment.header)
            self.released.append(info)
            answers[info.hex()] = Released(key=PERSON_KEY.unwrap(segment.wrap, info))
        return answers


def read_all(
    values: Sequence[Part | Marker], *, keys: Any = None, **changes: Any
) -> tuple[list[Item], Report]:
    """Read records, each a run of its own, listed in this order; return items and report."""
    rows = [run_of([value], f"run-{at}") for at, value in enumerate(values)]
    memory = MemoryAuthority(rows)
    subscription = Subscription(
        Stored(memory, GRANT), keys or memory, grant=GRANT, purpose=PURPOSE, **changes
    )
    return list(subscription), subscription.report


def certificates(folder: Path) -> None:
    """A CA, a server's and a reader's certificate, as PEM files in ``folder``."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("overt test CA", "operator")
    ca = _certificate(ca_name, ca_key, ca_name, ca_key, ca=True)
    _write(folder / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    for file, organisation in (("server", "service"), ("reader", "subscriber")):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(_name(file, organisation), key, ca_name, ca_key)
        _write(folder / f"{file}.pem", made.public_bytes(serialization.Encoding.PEM))
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )  # fmt: skip
        _write(folder / f"{file}.key", pem)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def _name(common: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool = False,
) -> x509.Certificate:  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not ca:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    else:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
