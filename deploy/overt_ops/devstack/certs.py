"""The two certificate authorities of a stack and the certificates they issue.

Brokers and services trust each other through one authority; endpoints come from another, so no
device certificate opens a service's door. Names are built O, OU, CN because Java prints them the
other way round and the broker's mapping rules match what Java prints (``CN=..,OU=..,O=..``).

| subject | who |
|---|---|
| O=broker, CN=broker-1 | the broker, super user |
| O=service, CN=<name> | authority, refine, sink, the store's and key store's own doors |
| O=operator, CN=<name> / O=subscriber, CN=<name> | people and programs at the authority's door |
| O=endpoint, OU=<group>, CN=<device id in hex> | a device; issued by the authority, 24 h |
"""

import datetime
import ipaddress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from overt_ops.private import write_private

_YEAR = datetime.timedelta(days=365)
# Clocks of containers and laptops differ by seconds, and a certificate is used at once.
_SKEW = datetime.timedelta(minutes=5)


class Kind(Enum):
    """The organisation of a subject: what sort of principal it is."""

    BROKER = "broker"
    SERVICE = "service"
    OPERATOR = "operator"
    SUBSCRIBER = "subscriber"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A certificate authority: who signs."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self.cert.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and its private key, PEM."""

    cert: bytes
    key: bytes


def subject(kind: Kind, name: str, group: str | None = None) -> x509.Name:
    """Return the subject of a principal; only an endpoint has a group."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, kind.value)]
    if group is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, group))
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS8: the files are 0600 and the readers are daemons."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def new_issuer(name: str) -> Issuer:
    """Make a certificate authority that signs leaves only."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    cert = (
        _builder(who, who, key.public_key(), 10 * _YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issuer(cert=cert, key=key)


def issue(
    issuer: Issuer, name: x509.Name, *, server: bool = False, life: datetime.timedelta = _YEAR
) -> Issued:
    """Issue a client certificate; with ``server`` it also serves 127.0.0.1 and localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    usages += [ExtendedKeyUsageOID.SERVER_AUTH] if server else []
    builder = (
        _builder(name, issuer.cert.subject, key.public_key(), life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    if server:
        hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    cert = builder.sign(issuer.key, hashes.SHA256())
    return Issued(cert=cert.public_bytes(serialization.Encoding.PEM), key=key_pem(key))


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
    )


def ensure_issuer(folder: Path, stem: str) -> Issuer:
    """Return the authority kept in ``folder``/``stem``.crt and .key; make it the first time."""
    cert_path, key_path = folder / f"{stem}.crt", folder / f"{stem}.key"
    if not cert_path.exists():
        made = new_issuer(f"overt {stem} ca")
        write_private(key_path, key_pem(made.key))
        write_private(cert_path, made.pem)
    key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{key_path} is not an EC key")
    return Issuer(cert=x509.load_pem_x509_certificate(cert_path.read_bytes()), key=key)


def ensure_issued(issuer: Issuer, folder: Path, name: x509.Name, *, server: bool = False) -> Path:
    """Keep a valid certificate in ``folder``: cert.pem, key.pem and, for a keystore, both.

    A certificate in its last month is replaced, so that a stack started once a month never
    meets an expired one.
    """
    cert_path = folder / "cert.pem"
    if cert_path.exists():
        known = x509.load_pem_x509_certificate(cert_path.read_bytes())
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
        if known.not_valid_after_utc > soon and known.subject == name:
            return folder
    made = issue(issuer, name, server=server)
    write_private(folder / "key.pem", made.key)
    write_private(folder / "keystore.pem", made.key + made.cert + issuer.pem)
    write_private(cert_path, made.cert)
    return folder


def ensure_root(key_path: Path, public_path: Path) -> None:
    """Make the offline root that certifies signing keys, once: raw Ed25519 keys in hex."""
    if public_path.exists():
        return
    key = ed25519.Ed25519PrivateKey.generate()
    write_private(key_path, key.private_bytes_raw().hex() + "\n")
    write_private(public_path, key.public_key().public_bytes_raw().hex() + "\n")
