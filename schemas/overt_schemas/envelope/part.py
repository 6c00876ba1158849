"""What a processor seals again: segment header, part header, COSE_Encrypt0, signature.

Both headers are deterministic CBOR (RFC 8949 §4.2) maps with short text keys. The *segment header*
is written once a segment and processor run and is what a grant is checked against; its data key is
HPKE-wrapped to the person's key of the week with ``info`` = ``segment_info``. The *part header*
names one batch. The payload is COSE_Encrypt0 (RFC 9052) with protected header {1: 3} (A256GCM) and
external additional data = segment header || part header (both self-delimiting). AES-GCM does not
commit to its key, so the segment header carries a commitment to the data key.
"""

import hashlib
import secrets
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar, get_type_hints

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_schemas import hpke
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.ids import BatchId, SessionId, Stream
from overt_schemas.records import Part
from overt_schemas.signing import Domain, SigningKey, verify

H = TypeVar("H")
VERSION = 1
IV_BYTES = 12
MAX_HEADER = 16_384  # CBOR can make little input dear (rationals, shared values); headers are small
_COSE_ENCRYPT0 = 16
_DEPTH = 4  # of nested containers; headers need two
_PROTECTED = cbor2.dumps({1: 3}, canonical=True)
# CBOR (RFC 8949) of what stands around every ciphertext and does not change: the structure that is
# authenticated up to its last field, and COSE_Encrypt0 up to its nonce.
_AAD = b"\x83\x68Encrypt0" + cbor2.dumps(_PROTECTED)
_SHELL = b"\xd0\x83" + cbor2.dumps(_PROTECTED) + b"\xa1\x05"
_UINT, _NEGATIVE, _BYTES = 0x00, 0x20, 0x40  # major types
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHeader:
    """Whose data, from which session and segment, under which policy, consent and purposes."""

    version: int = VERSION
    person: str
    device: bytes
    boot: bytes
    activity: int
    stream: int
    segment: int
    day: str
    policy: str
    consent: str
    purposes: tuple[str, ...]
    processor: str
    data_key: bytes
    commitment: bytes

    @property
    def session(self) -> SessionId:
        """The session the segment belongs to."""
        return SessionId(device=self.device, boot=self.boot, activity=self.activity)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHeader:
    """Which batch a part holds, of which raw record; both hashes let a reader walk the chain."""

    version: int = VERSION
    segment: bytes
    batch: int
    raw: bytes
    previous: bytes
    partition: int
    offset: int
    schema: int
    first: bool
    final: bool
    flags: tuple[str, ...] = ()


def dump(header: Any) -> bytes:
    """Return a header's deterministic CBOR."""
    values = {f.name: getattr(header, f.name) for f in fields(header)}
    return cbor2.dumps(values, canonical=True)


def load(kind: type[H], data: bytes) -> H:
    """Return the header of that class, if ``data`` is exactly its deterministic CBOR.

    Raises:
        Malformed: anything else, so that one header has one form and one hash.
    """
    try:
        values = cbor2.loads(data[: MAX_HEADER + 1], max_depth=_DEPTH)
        tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        header = kind(**tuples)
        if _is_typed(header) and dump(header) == data and values["version"] == VERSION:
            return header
    except (cbor2.CBORError, TypeError, AttributeError, ValueError, LookupError) as exc:
        raise Malformed(f"bytes are not a {kind.__name__}", reason="header") from exc
    raise Malformed(f"bytes are not a {kind.__name__} in its one form", reason="header")


def _is_typed(header: Any) -> bool:
    """Return whether each field holds its type; CBOR itself would let a text stand for a number."""
    own: type = type(header)
    for name, kind in _types(own).items():
        value = getattr(header, name)
        if kind is int:
            good = type(value) is int and -(2**63) <= value < 2**63
        elif kind == tuple[str, ...]:
            good = type(value) is tuple and all(type(item) is str for item in value)
        else:
            good = type(value) is kind
        if not good:
            return False
    return True


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def segment_info(segment: bytes) -> bytes:
    """Return the HPKE ``info`` of a segment's data key; also the segment's name in part headers."""
    return hashlib.sha256(b"overt segment v1" + segment).digest()


def commitment(key: bytes) -> bytes:
    """Return the 16 bytes in the segment header that only this data key gives."""
    return hashlib.sha256(b"overt commitment v1" + key).digest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment as a processor holds it, with the key that its parts are sealed under."""

    header: SegmentHeader
    packed: bytes
    info: bytes
    wrap: bytes
    person_key: str
    key: AESGCM


def open_segment(
    header: SegmentHeader, key: bytes, person_public: bytes, person_key: str
) -> Segment:
    """Return a segment whose data key is wrapped to the person; ``key`` is 32 random bytes."""
    packed = dump(header)
    info = segment_info(packed)
    wrapped = hpke.wrap(key, person_public, info)
    return Segment(
        header=header, packed=packed, info=info, wrap=wrapped, person_key=person_key,
        key=AESGCM(key),
    )  # fmt: skip


def seal_part(
    segment: Segment, header: PartHeader, padded: bytes, signer: SigningKey, iv: bytes = b""
) -> Part:
    """Return ``padded`` (padding.pack of a packed batch) sealed under the segment's data key."""
    packed, nonce = dump_part(header), iv or secrets.token_bytes(IV_BYTES)
    ciphertext = segment.key.encrypt(nonce, padded, _aad(segment.packed, packed))
    sealed = b"".join((_SHELL, _head(_BYTES, len(nonce)), nonce, _head(_BYTES, len(ciphertext)),
                       ciphertext))  # fmt: skip
    return Part(
        segment=segment.packed, wrap=segment.wrap, person_key=segment.person_key, header=packed,
        sealed=sealed, signature=signer.sign(Domain.PART, segment.packed, packed, sealed),
    )  # fmt: skip


def dump_part(header: PartHeader) -> bytes:
    """Return what ``dump`` would, in a fifth of the time: one is written for every batch."""
    raw, segment, previous = header.raw, header.segment, header.previous
    if header.flags or not len(raw) == len(segment) == len(previous) == _HASH_BYTES:
        return dump(header)
    return b"".join((
        b"\xab\x63raw\x58\x20", raw, b"\x65batch", _int(header.batch),
        b"\x65final\xf5" if header.final else b"\x65final\xf4",
        b"\x65first\xf5" if header.first else b"\x65first\xf4",
        b"\x65flags\x80\x66offset", _int(header.offset), b"\x66schema", _int(header.schema),
        b"\x67segment\x58\x20", segment, b"\x67version", _int(header.version),
        b"\x68previous\x58\x20", previous, b"\x69partition", _int(header.partition),
    ))  # fmt: skip


def _head(major: int, number: int) -> bytes:
    """Return a CBOR head: the major type and a number, in as few bytes as it takes."""
    if number < 24:
        return bytes((major | number,))
    if number < 0x100:
        return bytes((major | 24, number))
    if number < 0x1_0000:
        return (major | 25).to_bytes(1, "big") + number.to_bytes(2, "big")
    if number < 0x1_0000_0000:
        return (major | 26).to_bytes(1, "big") + number.to_bytes(4, "big")
    return (major | 27).to_bytes(1, "big") + number.to_bytes(8, "big")


def _int(number: int) -> bytes:
    return _head(_UINT, number) if number >= 0 else _head(_NEGATIVE, -1 - number)


def verify_part(part: Part, processor_public: bytes) -> tuple[SegmentHeader, PartHeader]:
    """Return both headers of a part that this processor signed and whose halves belong together."""
    parts = (part.segment, part.header, part.sealed)
    verify(processor_public, part.signature, Domain.PART, *parts)
    segment, header = load(SegmentHeader, part.segment), load(PartHeader, part.header)
    if header.segment != segment_info(part.segment):
        raise Untrusted("part header names another segment", reason="segment")
    return segment, header


def data_key(segment: SegmentHeader, key: bytes) -> AESGCM:
    """Return the cipher of a released key, if it is the one the segment commits to."""
    if len(key) != hpke.KEY_BYTES or commitment(key) != segment.commitment:
        raise Untrusted("data key is not the one of this segment", reason="commitment")
    return AESGCM(key)


def open_part(part: Part, key: AESGCM) -> bytes:
    """Return the padded batch inside a part.

    Raises:
        Untrusted: the tag does not verify.
        Malformed: not a COSE_Encrypt0 of the one algorithm.
    """
    try:
        body = cbor2.loads(part.sealed, max_depth=_DEPTH)
        protected, unprotected, ciphertext = body.value
        if body.tag != _COSE_ENCRYPT0 or protected != _PROTECTED:
            raise Malformed("not A256GCM in COSE_Encrypt0", reason="cose")
        return key.decrypt(unprotected[5], ciphertext, _aad(part.segment, part.header))
    except InvalidTag as exc:
        raise Untrusted("part does not open under this key", reason="tag") from exc
    except (cbor2.CBORError, AttributeError, TypeError, ValueError, LookupError) as exc:
        raise Malformed("not a COSE_Encrypt0", reason="cose") from exc


def batch_id(segment: SegmentHeader, header: PartHeader) -> BatchId:
    """Return the identity of the content of a part."""
    stream = Stream(segment.stream)
    return BatchId(device=segment.device, boot=segment.boot, stream=stream, batch=header.batch)


def _aad(segment: bytes, header: bytes) -> bytes:
    bound = segment + header
    return b"".join((_AAD, _head(_BYTES, len(bound)), bound))
