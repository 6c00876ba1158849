"""What an endpoint seals: periods, batches, tombstones.

A *period* has one random content key, HPKE-wrapped to the processors' epoch key; the header that
names its context is signed with the wrap and travels in every batch. A *batch* is AES-256-GCM under
that key with a random nonce and the clear header as additional data. The endpoint drops the key
with its period: nothing on its disk opens anything.
"""

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_schemas import codec, hpke
from overt_schemas.envelope import header as clear
from overt_schemas.envelope import padding
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.records import PeriodHeader, SealedBatch, Tombstone
from overt_schemas.signing import Domain, SigningKey, verify

IV_BYTES = 12
SIGNED_REASONS = frozenset({"forget", "opt_out"})  # these win over content
UNSIGNED_REASONS = frozenset({"age", "cap"})  # these lose to it


def period_info(period: bytes) -> bytes:
    """Return the HPKE ``info`` of a period: the hash of its header, which holds no wrap."""
    return hashlib.sha256(b"overt period info v1" + period).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A period as capture holds it: signed header and wrap for the outside, a key for itself."""

    header: PeriodHeader
    packed: bytes
    wrap: bytes
    signature: bytes
    key: AESGCM


def open_period(
    header: PeriodHeader, processor_public: bytes, signer: SigningKey, key: bytes | None = None
) -> Period:
    """Return a new period; ``key`` is random unless a golden test gives one."""
    secret = key or secrets.token_bytes(hpke.KEY_BYTES)
    packed = codec.pack(header)
    wrap = hpke.wrap(secret, processor_public, period_info(packed))
    signature = signer.sign(Domain.PERIOD, packed, wrap)
    return Period(header=header, packed=packed, wrap=wrap, signature=signature, key=AESGCM(secret))


def verify_period(record: SealedBatch | Tombstone, device_public: bytes) -> PeriodHeader:
    """Return the period header of a record that this device signed.

    Raises:
        Untrusted, Malformed
    """
    verify(device_public, record.period_signature, Domain.PERIOD, record.period, record.wrap)
    return period_of(record)


def period_of(record: SealedBatch | Tombstone) -> PeriodHeader:
    """Return the period header that stands beside a clear header, when both name one period.

    Who verifies a period once and keeps the result compares its later batches with this.

    Raises:
        Malformed: not a period header.
        Untrusted: of another device, boot or period than the clear header, which would let a
            device's own period vouch for somebody else's batch.
    """
    period, head = codec.unpack(PeriodHeader, record.period), clear.unpack(record.header)
    if period.version != clear.VERSION:
        raise Malformed("period header of an unknown version", reason="period")
    if (period.device, period.boot, period.period) != (head.device, head.boot, head.period):
        raise Untrusted("clear header and period header name different periods", reason="period")
    return period


def content_key(record: SealedBatch, private: hpke.PrivateKey) -> AESGCM:
    """Return the period's key, for a processor that holds the epoch's private key.

    Raises:
        Untrusted: the wrap does not open.
        Malformed: it opens and holds something else than a key of 32 bytes.
    """
    key = private.unwrap(record.wrap, period_info(record.period))
    if len(key) != hpke.KEY_BYTES:
        raise Malformed("wrap holds no key of this suite", reason="wrap")
    return AESGCM(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A batch ready for the spool: the record, its hash, and the signature for a tombstone."""

    record: SealedBatch
    hash: bytes
    tombstone: Tombstone


def seal_batch(
    period: Period, head: clear.ClearHeader, plain: bytes, signer: SigningKey, iv: bytes = b""
) -> Sealed:
    """Return ``plain`` (a packed InputBatch or FrameBatch) sealed under the period's key."""
    nonce, packed = iv or secrets.token_bytes(IV_BYTES), head.pack()
    ciphertext = period.key.encrypt(nonce, padding.pack(plain), packed)
    content = clear.content_hash(nonce, ciphertext)
    shared = {"period": period.packed, "wrap": period.wrap, "period_signature": period.signature}
    return Sealed(
        record=SealedBatch(**shared, header=packed, iv=nonce, ciphertext=ciphertext),
        hash=clear.batch_hash(packed, content),
        tombstone=Tombstone(
            **shared, header=packed, content_hash=content,
            signature=signer.sign(Domain.BATCH, packed, content),
            reason="", reason_signature=b"",
        ),
    )  # fmt: skip


def open_batch(record: SealedBatch, key: AESGCM) -> bytes:
    """Return the packed batch: tag first, then padding, then inflation within bounds.

    Raises:
        Untrusted: the tag does not verify (``tag``).
        Malformed: sealed right and still broken inside.
    """
    if len(record.iv) != IV_BYTES:
        raise Malformed("nonce has the wrong length", reason="header")
    try:
        padded = key.decrypt(record.iv, record.ciphertext, record.header)
    except InvalidTag as exc:
        raise Untrusted("batch does not open under its period's key", reason="tag") from exc
    return padding.unpack(padded)


def hash_of(record: SealedBatch | Tombstone) -> bytes:
    """Return the chain hash of a batch; equal for the content and for its tombstone."""
    if isinstance(record, Tombstone):
        return clear.batch_hash(record.header, record.content_hash)
    return clear.batch_hash(record.header, clear.content_hash(record.iv, record.ciphertext))


def drop(tombstone: Tombstone, reason: str, signer: SigningKey | None = None) -> Tombstone:
    """Return the tombstone with its reason; forget and opt_out need capture's key.

    Raises:
        Malformed: a reason outside the two lists, or one that must be signed and is not.
    """
    if reason in UNSIGNED_REASONS:
        proof = b""
    elif reason in SIGNED_REASONS and signer is not None:
        proof = signer.sign(Domain.DROP, tombstone.header, reason.encode())
    else:
        raise Malformed("a tombstone of that reason must be signed by capture", reason="tombstone")
    return Tombstone(
        period=tombstone.period, wrap=tombstone.wrap, period_signature=tombstone.period_signature,
        header=tombstone.header, content_hash=tombstone.content_hash,
        signature=tombstone.signature, reason=reason, reason_signature=proof,
    )  # fmt: skip


def verify_tombstone(record: Tombstone, device_public: bytes) -> None:
    """Return nothing when capture made it, for this period, and gave the reason where it must."""
    verify(device_public, record.signature, Domain.BATCH, record.header, record.content_hash)
    if record.reason in SIGNED_REASONS:
        proof, reason = record.reason_signature, record.reason.encode()
        verify(device_public, proof, Domain.DROP, record.header, reason)
    elif record.reason not in UNSIGNED_REASONS:
        raise Malformed("tombstone of an unknown reason", reason="tombstone")
    period_of(record)
