"""The device CA: 24-hour client certificates whose name we choose.

A request (CSR) proves that the asker holds the transport key and gives nothing else: subject and
extensions in it are ignored, because the name decides what the brokers let a device do.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from overt_schemas.errors import Malformed, Permanent

_LIFE = timedelta(hours=24)
_SKEW = timedelta(minutes=5)  # clocks of laptops differ, and the certificate is used at once
_CURVES = ("secp256r1", "secp384r1")


class DeviceCa:
    """Signs certificates of endpoints and of nobody else."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate, self._key = certificate, key

    @classmethod
    def load(cls, cert: Path, key: Path) -> "DeviceCa":
        """Return the CA in two PEM files."""
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise Permanent("the device CA's key is not an EC key", reason="device_ca")
        return cls(x509.load_pem_x509_certificate(cert.read_bytes()), private)

    def issue(
        self, request: x509.CertificateSigningRequest, group: str, device: bytes, now_ms: int
    ) -> str:
        """Return the certificate (PEM) of a device for the key in the request."""
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        name = x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "endpoint"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, group),
            x509.NameAttribute(NameOID.COMMON_NAME, device.hex()),
        ])  # fmt: skip
        issuer_key = self._key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """Return the request if it is signed by the key it names, of a kind brokers take."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        is_own, key = request.is_signature_valid, request.public_key()
    except (ValueError, TypeError) as exc:
        raise Malformed("not a certificate request", reason="csr") from exc
    is_usable = isinstance(key, ed25519.Ed25519PublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES
    )
    if not is_own or not is_usable:
        raise Malformed("a request needs its own signature and an EC or Ed25519 key", reason="csr")
    return request


def key_hash(request: x509.CertificateSigningRequest) -> bytes:
    """Return the hash of the key in a request."""
    encoded = request.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(encoded).digest()
