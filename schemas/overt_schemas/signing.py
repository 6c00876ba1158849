"""Signatures: Ed25519 over a domain, so that no signature means two things.

What is signed is ``SHA-256(domain || len(part) || part ...)`` with lengths as 8 bytes big-endian.
Trust runs from an offline *root* (pinned at enrolment) over a ``KeySet`` to authority and processor
keys; devices are trusted through the device registry.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from overt_schemas import codec
from overt_schemas.catalogue import schema, schema_by_id
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.records import KeyCert, KeySet, Signed

R = TypeVar("R")
ROOT = "root"
AUTHORITY = "authority"
PROCESSOR_SIGN = "processor-sign"
PROCESSOR_SEAL = "processor-seal"


class Domain(Enum):
    """What a signature is for."""

    RECORD = b"overt record v1"
    PERIOD = b"overt period v1"
    BATCH = b"overt batch v1"
    DROP = b"overt drop v1"
    PART = b"overt part v1"
    MARK = b"overt mark v1"


def digest(domain: Domain, *parts: bytes) -> bytes:
    """Return the 32 bytes that are signed for ``parts`` in ``domain``."""
    state = hashlib.sha256(domain.value)
    for part in parts:
        state.update(struct.pack(">Q", len(part)))
        state.update(part)
    return state.digest()


class SigningKey:
    """A private Ed25519 key with the id others know it by."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key_id: str, seed: bytes) -> None:
        self.key_id = key_id
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @classmethod
    def generate(cls, key_id: str) -> "SigningKey":
        """Return a new random key."""
        return cls(key_id, Ed25519PrivateKey.generate().private_bytes_raw())

    def seed(self) -> bytes:
        """Return the 32 secret bytes."""
        return self._key.private_bytes_raw()

    def public_bytes(self) -> bytes:
        """Return the 32 public bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, domain: Domain, *parts: bytes) -> bytes:
        """Return the 64-byte signature."""
        return self._key.sign(digest(domain, *parts))

    def sign_record(self, record: Any) -> Signed:
        """Return the record with this key's signature around it."""
        own, body = schema(type(record).__name__), codec.pack(record)
        signature = self.sign(Domain.RECORD, _u32(own.id), self.key_id.encode(), body)
        return Signed(schema=own.id, body=body, key_id=self.key_id, signature=signature)


def verify(public: bytes, signature: bytes, domain: Domain, *parts: bytes) -> None:
    """Return nothing when the signature holds.

    Raises:
        Untrusted: it does not, or the key is none.
    """
    try:
        _public(public).verify(signature, digest(domain, *parts))
    except (InvalidSignature, ValueError) as exc:
        raise Untrusted("signature does not verify", reason="signature") from exc


def open_record(signed: Signed, public: bytes, *allowed: type[R]) -> R:
    """Return the record inside ``signed`` if ``public`` signed it and its class is allowed."""
    own = schema_by_id(signed.schema)
    if own.record not in allowed:
        raise Malformed(f"a signed {own.name} has no place here", reason="schema_not_allowed")
    parts = (_u32(signed.schema), signed.key_id.encode(), signed.body)
    verify(public, signed.signature, Domain.RECORD, *parts)
    return codec.unpack_by(own, signed.body)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of one verified ``KeySet``; empty trusts nobody."""

    root: bytes
    version: int = 0
    certs: Mapping[str, KeyCert] = field(default_factory=dict)

    def accept(self, signed: Signed) -> "Keyring":
        """Return the ring with a newer key set; an older or equal one changes nothing."""
        if signed.key_id != ROOT:
            raise Untrusted("a key set is signed by the root alone", reason="key_set")
        keys = open_record(signed, self.root, KeySet)
        if keys.version <= self.version:
            return self
        certs = {cert.key_id: cert for cert in keys.certs}
        return Keyring(root=self.root, version=keys.version, certs=certs)

    def public(self, key_id: str, role: str, at_ms: int) -> bytes:
        """Return the public key of that id, if it had that role at that time.

        Raises:
            Untrusted: unknown, of another role, or outside its life.
        """
        cert = self.certs.get(key_id)
        if cert is None or cert.role != role:
            raise Untrusted(f"no {role} key of that id", reason="unknown_key")
        if not cert.not_before_ms <= at_ms < cert.not_after_ms:
            raise Untrusted(f"{role} key was not in force then", reason="key_expired")
        return cert.public

    def open(self, signed: Signed, at_ms: int, *allowed: type[R]) -> R:
        """Return a record that an authority key in force at ``at_ms`` signed."""
        return open_record(signed, self.public(signed.key_id, AUTHORITY, at_ms), *allowed)

    def newest(self, role: str, at_ms: int) -> KeyCert:
        """Return the key of that role in force at ``at_ms`` that came into force last."""
        live = [
            c for c in self.certs.values()
            if c.role == role and c.not_before_ms <= at_ms < c.not_after_ms
        ]  # fmt: skip
        if not live:
            raise Untrusted(f"no {role} key in force", reason="no_key")
        return max(live, key=lambda cert: (cert.not_before_ms, cert.key_id))


def device_key_id(device: bytes) -> str:
    """Return the key id under which a device signs records."""
    return f"device:{device.hex()}"


def policy_hash(signed: Signed) -> str:
    """Return the name of a policy: hex SHA-256 of its packed record."""
    return hashlib.sha256(signed.body).hexdigest()


def beacon_tag(secret: bytes, number: int) -> bytes:
    """Return the 16-byte tag that stops the one device holding ``secret``, in beacon ``number``."""
    return hmac.digest(secret, b"overt beacon tag v1" + struct.pack(">Q", number), "sha256")[:16]


def stops(tags: Iterable[bytes], secret: bytes, number: int) -> bool:
    """Return whether a beacon's tags stop the device that holds ``secret``."""
    own = beacon_tag(secret, number)
    return any(hmac.compare_digest(own, tag) for tag in tags)


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)


@lru_cache(maxsize=8192)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)
