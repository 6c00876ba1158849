"""An authority of a page: HTTPS, answers as the contract says, remembers who asked."""

import base64
import datetime as dt
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from overt_schemas import codec
from overt_schemas.ids import new_id
from tests.producer.fleet import Fleet

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class AuthorityTwin:
    """Use as a context manager; ``url`` and ``ca`` are what enrolment wants."""

    def __init__(self, fleet: Fleet, folder: Path, life: dt.timedelta = DAY) -> None:
        self.fleet, self.life = fleet, life
        self.registered: set[str] = set()
        self.asked: list[tuple[str, bool]] = []
        self.keys: list[str] = []
        self.certificates = 0
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ca = self._certified(name("ca"), self._key.public_key(), is_ca=True)
        self.ca = folder / "ca.pem"
        self.ca.write_text(pem(self._ca))
        server_key = folder / "server.pem"
        server_key.write_text(
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode() + pem(self._certified(name("server"), self._key.public_key()))
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server_key)
        context.load_verify_locations(self.ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "AuthorityTwin":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, body: dict[str, Any], *, is_known: bool) -> tuple[int, Any]:
        self.asked.append((path, is_known))
        if path == "/v1/enrol":
            if body["token"] != "good":
                return 403, {"error": "bad_token", "detail": "ask for another one"}
            self.keys.append(body["signing_key"])
            return 200, {
                "device": new_id().hex(), "person": "p-1", "group": "sim",
                "tag_secret": base64.b64encode(b"t" * 32).decode(),
                "certificate": self._issued(body["csr"]), "broker_ca": pem(self._ca),
                "bootstrap": "127.0.0.1:1",
                "root_key": base64.b64encode(self.fleet.root.public_bytes()).decode(),
                "policy": base64.b64encode(codec.encode(self.fleet.signed_policy())).decode(),
                "keyset": base64.b64encode(codec.encode(self.fleet.keyset())).decode(),
            }  # fmt: skip
        if not is_known:
            return 403, {"error": "wrong_identity", "detail": "no certificate"}
        if path == "/v1/certificate":
            return 200, {"certificate": self._issued(body["csr"])}
        return 200, {"registered": path.rpartition("/")[2] in self.registered}

    def _issued(self, csr: str) -> str:
        self.certificates += 1
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return pem(self._certified(name("device"), key))

    def _certified(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, *, is_ca: bool = False
    ) -> x509.Certificate:
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        # Issued long enough ago that a short life is nearly over.
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(name("ca"))
            .public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY).not_valid_after(NOW + (DAY if is_ca else self.life))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(alternative, critical=False)
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        twin = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size) or b"{}")
                assert isinstance(self.connection, ssl.SSLSocket)
                is_known = bool(self.connection.getpeercert())
                code, answer = twin.answer(self.path, body, is_known=is_known)
                data = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = reply

            def log_message(self, *_: object) -> None:
                pass

        return Handler
