"""An authority with twins around it: no broker, no key server, real SQL, files, TLS and HTTP."""

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import tomli_w
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from overt_authority.assembly import assemble
from overt_authority.publish import MemoryPublisher
from overt_authority.serve import server
from overt_authority.services import Services
from overt_authority.settings import Settings, load
from overt_schemas.clock import Clock, SystemClock
from overt_schemas.signing import SigningKey

POLICY = {
    "group": "demo", "notice": "What is captured, and why.", "purposes": ["train-agents"],
    "apps": ["editor"], "keep_titles": False, "synthetic": True, "idle_gap_s": 60,
    "segment_s": 10, "segment_bytes": 8_000_000, "period_s": 600, "frame_interval_ms": 500,
    "hold_back_ms": 1000, "spool_age_h": 72, "spool_bytes": 1_000_000_000,
}  # fmt: skip
PURPOSE = "train-agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ca:
    """A certificate authority on disk."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    cert_path: Path
    key_path: Path


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def secret(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(0o600)
    return path


def name(organisation: str, common: str, unit: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def new_ca(folder: Path, stem: str) -> Ca:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{stem} ca")])
    builder = _builder(who, who, key.public_key(), datetime.timedelta(days=1))
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    cert = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = cert.public_bytes(serialization.Encoding.PEM)
    return Ca(
        cert=cert, key=key, cert_path=secret(folder / f"{stem}.crt", pem),
        key_path=secret(folder / f"{stem}.key", private_pem(key)),
    )  # fmt: skip


def issue(
    ca: Ca, subject: x509.Name, folder: Path, life: datetime.timedelta = datetime.timedelta(hours=1)
) -> tuple[str, str]:
    """Return the paths of a certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    cert = (
        _builder(subject, ca.cert.subject, key.public_key(), life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
        .sign(ca.key, hashes.SHA256())
    )
    secret(folder / "cert.pem", cert.public_bytes(serialization.Encoding.PEM))
    secret(folder / "key.pem", private_pem(key))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def csr(key: ec.EllipticCurvePrivateKey, subject: x509.Name | None = None) -> str:
    wanted = subject or x509.Name([])
    request = x509.CertificateSigningRequestBuilder().subject_name(wanted)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + life)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The files an authority is started from."""

    folder: Path
    service_ca: Ca
    device_ca: Ca
    root: SigningKey
    config: Path

    @property
    def settings(self) -> Settings:
        return load(self.config)

    def certificate(self, organisation: str, common: str, ca: Ca | None = None) -> tuple[str, str]:
        folder = self.folder / "principals" / f"{organisation}-{common}"
        return issue(ca or self.service_ca, name(organisation, common), folder)

    def policy(self, **changes: object) -> None:
        values = {**POLICY, **changes}
        path = self.folder / "policies" / f"{values['group']}.toml"
        secret(path, tomli_w.dumps(values))


def make_world(folder: Path, store: Mapping[str, object] | None = None) -> World:
    """Write what an authority starts from; without ``store`` its tiers are folders."""
    service_ca, device_ca = new_ca(folder / "ca", "service"), new_ca(folder / "ca", "device")
    both = service_ca.cert_path.read_bytes() + device_ca.cert_path.read_bytes()
    clients = secret(folder / "ca" / "clients.pem", both)
    root = SigningKey.generate("root")
    cert, key = issue(service_ca, name("service", "authority"), folder / "door")
    values = {
        "state_dir": str(folder / "state"),
        "listen": {"port": 0, "cert": cert, "key": key, "client_ca": str(clients)},
        "device_ca": {"cert": str(device_ca.cert_path), "key": str(device_ca.key_path)},
        "root": {"key": str(secret(folder / "root.key", root.seed().hex()))},
        "file_root": {"dir": str(folder / "roots")},
        "database": {"url": f"sqlite:///{folder}/state/authority.db"},
        "kafka": {
            "bootstrap": "127.0.0.1:1", "ca": str(service_ca.cert_path),
            "password_file": str(secret(folder / "kafka.password", "unused")),
        },
        "endpoint_kafka": {"bootstrap": "broker:9093", "ca": str(service_ca.cert_path)},
        "store": dict(store) if store else {"url": f"file://{folder}/objects"},
        "index": {"url": f"sqlite:///{folder}/index.db"},
        "beacon": {"interval_s": 0.2, "valid_s": 60.0},
        "policies": {"dir": str(folder / "policies")},
    }  # fmt: skip
    config = secret(folder / "settings.toml", tomli_w.dumps(values))
    made = World(
        folder=folder, service_ca=service_ca, device_ca=device_ca, root=root, config=config
    )
    made.policy()
    return made


@contextmanager
def running(
    world: World, clock: Clock | None = None, publisher: MemoryPublisher | None = None
) -> Iterator[tuple[Services, MemoryPublisher]]:
    """Give an authority that has started, without its door."""
    spoken = publisher or MemoryPublisher()
    with assemble(world.settings, clock or SystemClock(), spoken) as services:
        services.start()
        yield services, spoken


@contextmanager
def serving(services: Services, world: World) -> Iterator[str]:
    """Give the URL of the authority's real door: TLS on a loopback port."""
    is_up = threading.Event()
    door = server(services, world.settings, is_up.set)
    thread = threading.Thread(target=door.run, daemon=True)
    thread.start()
    try:
        assert is_up.wait(10), "the door did not open"
        yield f"https://127.0.0.1:{door.servers[0].sockets[0].getsockname()[1]}"
    finally:
        door.should_exit = True
        thread.join(10)


def caller(url: str, world: World, pair: tuple[str, str] | None = None) -> httpx.Client:
    """Return a client with a certificate, or with none."""
    tls = ssl.create_default_context(cafile=str(world.service_ca.cert_path))
    if pair is not None:
        tls.load_cert_chain(*pair)
    return httpx.Client(base_url=url, verify=tls, timeout=10)
