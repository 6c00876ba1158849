"""Two sealed batches, tombstones, parts and marks of one device, and the keys that open them."""

from dataclasses import dataclass, field, fields
from typing import Any

from overt_schemas import codec, hpke
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import batch, header, marks, padding, part
from overt_schemas.ids import Stream
from overt_schemas.records import Marker, Part, PeriodHeader, SealedBatch
from overt_schemas.signing import SigningKey, device_key_id
from overt_schemas.testing import empty_input

DEVICE, BOOT, DAY = bytes(range(16)), bytes(range(16, 32)), "2026-11-25"
PERSON, CONSENT, POLICY = "p-0123456789abcdef", "c-0123456789abcdef", "a" * 64
SIGNER = SigningKey(device_key_id(DEVICE), b"d" * 32)
PROCESSOR = SigningKey("sign-1", b"p" * 32)
EPOCH = hpke.PrivateKey.from_bytes(b"e" * 96)
PERSON_KEY = hpke.PrivateKey.from_bytes(b"w" * 96)


def period_header(**changes: Any) -> PeriodHeader:
    """The header of period 0; ``changes`` replace fields."""
    values: dict[str, Any] = {
        "version": 1, "device": DEVICE, "boot": BOOT, "person": PERSON, "period": 0,
        "started_us": 1, "policy": POLICY, "consent": CONSENT, "processor_key": "seal-1",
    }  # fmt: skip
    return PeriodHeader(**{**values, **changes})


def clear_header(number: int, period: int = 0, **changes: Any) -> header.ClearHeader:
    """The clear header of batch ``number``."""
    values: dict[str, Any] = {
        "stream": Stream.INPUT, "device": DEVICE, "boot": BOOT, "previous": bytes([number]) * 32,
        "batch": number, "segment": 5, "period": period, "beacon": 9, "schema": ID_OF["InputBatch"],
    }  # fmt: skip
    return header.ClearHeader(**{**values, **changes})


def segment_header(key: bytes, **changes: Any) -> part.SegmentHeader:
    """A segment header that commits to ``key``."""
    values: dict[str, Any] = {
        "person": PERSON, "device": DEVICE, "boot": BOOT, "activity": 2, "stream": 0, "segment": 5,
        "day": DAY, "policy": POLICY, "consent": CONSENT, "purposes": ("training",),
        "processor": PROCESSOR.key_id, "data_key": key[:16], "commitment": part.commitment(key),
    }  # fmt: skip
    return part.SegmentHeader(**{**values, **changes})


def part_header(info: bytes, number: int, **changes: Any) -> part.PartHeader:
    """The part header of batch ``number``."""
    values: dict[str, Any] = {
        "segment": info, "batch": number, "raw": bytes([number, 1]) * 16,
        "previous": bytes([number]) * 32, "partition": 1, "offset": 100 + number,
        "schema": ID_OF["InputBatch"], "first": False, "final": False, "flags": ("thinned",),
    }  # fmt: skip
    return part.PartHeader(**{**values, **changes})


def tombstone_mark(number: int, **changes: Any) -> marks.TombstoneMark:
    """The mark of a dropped batch ``number``."""
    values: dict[str, Any] = {
        "person": PERSON, "device": DEVICE, "boot": BOOT, "stream": 0, "batch": number,
        "segment": 5, "day": DAY, "reason": "age", "raw": bytes([number, 1]) * 16,
        "previous": bytes([number]) * 32, "partition": 1, "offset": 100 + number,
    }  # fmt: skip
    return marks.TombstoneMark(**{**values, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What one batch becomes on its way."""

    plain: bytes
    period: batch.Period
    sealed: batch.Sealed
    key: bytes
    segment: part.Segment
    part: Part
    mark: Marker
    opened: bytes = field(default=b"")


def world(number: int) -> World:
    """Batch ``number``, in period ``number`` and a data key of its own."""
    plain = codec.pack(empty_input(activity=number))
    key = bytes([number + 1]) * 32
    head = period_header(period=number)
    period = batch.open_period(head, EPOCH.public_bytes(), SIGNER, bytes([number]) * 32)
    sealed = batch.seal_batch(period, clear_header(number, number), plain, SIGNER)
    public = PERSON_KEY.public_bytes()
    segment = part.open_segment(segment_header(key, segment=number), key, public, f"week-{number}")
    padded = padding.pack(plain)
    header_ = part_header(segment.info, number)
    evidence = codec.encode(batch.drop(sealed.tombstone, "age"))
    return World(
        plain=plain, period=period, sealed=sealed, key=key, segment=segment,
        part=part.seal_part(segment, header_, padded, PROCESSOR),
        mark=marks.seal_mark(tombstone_mark(number), evidence, PROCESSOR), opened=padded,
    )  # fmt: skip


ONE, TWO = world(1), world(2)


def other(value: Any) -> Any:
    """Return another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value[:-1] + ("b" if value.endswith("a") else "a")
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
        case tuple():
            return (*value, "other")
        case _:
            raise TypeError(type(value).__name__)


def names(kind: Any) -> list[str]:
    """The fields of a dataclass."""
    return [f.name for f in fields(kind)]


def open_raw(record: SealedBatch) -> bytes:
    """Verify and open a raw batch as a processor does."""
    batch.verify_period(record, SIGNER.public_bytes())
    return batch.open_batch(record, batch.content_key(record, EPOCH))


def open_sealed(record: Part) -> bytes:
    """Verify and open a part as a reader does, with the key that the authority releases."""
    segment, _ = part.verify_part(record, PROCESSOR.public_bytes())
    key = PERSON_KEY.unwrap(record.wrap, part.segment_info(record.segment))
    return part.open_part(record, part.data_key(segment, key))
