"""What may be shown of one letter: its facts, hashes and clear header. Never content. Pure."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict

from overt_schemas import codec
from overt_schemas.envelope import header, part
from overt_schemas.envelope.marks import read_mark
from overt_schemas.errors import OvertError
from overt_schemas.records import (
    DeadLetter,
    Marker,
    Part,
    SealedBatch,
    Signed,
    Tombstone,
)

Facts = dict[str, str | int]
# Of a part's clear headers: who it is about and under which consent is nobody's business here.
_SHOWN = ("stream", "segment", "batch", "day", "kind", "reason", "processor", "schema", "final")


def hashes(letter: DeadLetter) -> Facts:
    """Return sizes and hashes of key and value, by which a copy is known."""
    return {
        "key_bytes": len(letter.key),
        "key_sha256": hashlib.sha256(letter.key).hexdigest(),
        "value_bytes": len(letter.value),
        "value_sha256": hashlib.sha256(letter.value).hexdigest(),
    }


def clear(letter: DeadLetter) -> Facts:
    """Return what the record says in clear; for bytes that do not parse, that they do not."""
    try:
        kind = codec.schema_of(letter.value).record
        read = _READERS.get(kind)
        if read is None:
            return {"record": kind.__name__}
        return {"record": kind.__name__, **read(letter.value)}
    except OvertError as exc:
        return {"record": f"does not parse ({exc.reason})"}
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return {"record": "does not parse"}


def _sealed(value: bytes) -> Facts:
    return _header(codec.decode(value, SealedBatch).header)


def _tombstone(value: bytes) -> Facts:
    return _header(codec.decode(value, Tombstone).header)


def _header(data: bytes) -> Facts:
    found = header.unpack(data)
    return {
        "stream": found.stream.name.lower(), "device": found.device.hex(),
        "boot": found.boot.hex(), "batch": found.batch, "segment": found.segment,
        "period": found.period, "beacon": found.beacon, "schema": found.schema,
        "codec": found.codec,
    }  # fmt: skip


def _signed(value: bytes) -> Facts:
    return {"signed_by": codec.decode(value, Signed).key_id[:80]}


def _part(value: bytes) -> Facts:
    record = codec.decode(value, Part)
    segment = part.load(part.SegmentHeader, record.segment)
    return _some(asdict(segment)) | _some(asdict(part.load(part.PartHeader, record.header)))


def _mark(value: bytes) -> Facts:
    return _some(asdict(read_mark(codec.decode(value, Marker))))


def _some(fields: dict[str, object]) -> Facts:
    found: Facts = {}
    for name in _SHOWN:
        value = fields.get(name)
        if value is not None:
            found[name] = value if isinstance(value, int) else str(value)[:80]
    return found


_READERS: dict[type, Callable[[bytes], Facts]] = {
    SealedBatch: _sealed, Tombstone: _tombstone, Signed: _signed, Part: _part, Marker: _mark,
}  # fmt: skip
