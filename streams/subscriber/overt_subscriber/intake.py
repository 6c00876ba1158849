"""From a stored record to verified headers: nothing a processor did not sign gets further.

Pure. The keyring says which processor keys were in force when the broker appended the record.
"""

from dataclasses import dataclass

from overt_schemas import codec
from overt_schemas.catalogue import ID_OF, schema_by_id
from overt_schemas.envelope import marks, part
from overt_schemas.envelope.batch import SIGNED_REASONS, UNSIGNED_REASONS
from overt_schemas.errors import Malformed
from overt_schemas.ids import Stream
from overt_schemas.records import BootEnd, Marker, Part, Signed, StoredPart
from overt_schemas.signing import PROCESSOR_SIGN, Keyring
from overt_subscriber.batches import Fact, StreamKey

STREAM_SCHEMA = {Stream.INPUT: ID_OF["InputBatch"], Stream.FRAME: ID_OF["FrameBatch"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A part whose signature holds, still sealed."""

    key: StreamKey
    number: int
    fact: Fact
    segment: part.SegmentHeader
    header: part.PartHeader
    part: Part

    @property
    def size(self) -> int:
        """Bytes it holds in memory, nearly."""
        return len(self.part.sealed) + len(self.part.segment) + len(self.part.wrap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A batch that is missing with a reason: a tombstone, or one that was withheld."""

    key: StreamKey
    number: int
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A boot end; ``at_us`` is when the next boot said so."""

    device: bytes
    boot: bytes
    input_batches: int
    frame_batches: int
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A notice: raw records that nobody read in time."""

    mark: marks.NoticeMark


Arrival = Sealed | Dropped | Ended | Expired


def admit(stored: StoredPart, keyring: Keyring) -> Arrival:
    """Return what a stored record holds.

    Raises:
        Untrusted: signature, signer, or two halves that do not belong together.
        Malformed: not the record it says it is.
    """
    kind = schema_by_id(stored.schema_id).record
    if kind is Part:
        return _part(codec.unpack(Part, stored.value), keyring, stored.append_ms)
    if kind is Marker:
        return _mark(codec.unpack(Marker, stored.value), keyring, stored.append_ms)
    raise Malformed("a stored record is a part or a marker", reason="schema_not_allowed")


def _part(record: Part, keyring: Keyring, at_ms: int) -> Sealed:
    claimed = part.load(part.SegmentHeader, record.segment)
    public = keyring.public(claimed.processor, PROCESSOR_SIGN, at_ms)
    segment, header = part.verify_part(record, public)
    key = _key(segment.device, segment.boot, segment.stream)
    if header.schema != STREAM_SCHEMA[key.stream] or header.batch < 0:
        raise Malformed("part of a schema its stream does not have", reason="header")
    fact = Fact(
        raw=header.raw, previous=header.previous, partition=header.partition,
        offset=header.offset, activity=segment.activity, first=header.first, final=header.final,
    )  # fmt: skip
    return Sealed(
        key=key, number=header.batch, fact=fact, segment=segment, header=header, part=record
    )


def _mark(record: Marker, keyring: Keyring, at_ms: int) -> Arrival:
    mark = marks.verify_mark(record, keyring.public(record.processor, PROCESSOR_SIGN, at_ms))
    match mark:
        case marks.TombstoneMark():
            return _dropped(mark, SIGNED_REASONS | UNSIGNED_REASONS)
        case marks.WithheldMark():
            return _dropped(mark, marks.WITHHELD_REASONS)
        case marks.BootEndMark():
            signed = codec.decode(record.evidence, Signed)
            said = codec.unpack(BootEnd, signed.body)
            return Ended(
                device=mark.device, boot=mark.boot, input_batches=mark.input_batches,
                frame_batches=mark.frame_batches, at_us=said.at_us,
            )  # fmt: skip
        case marks.NoticeMark():
            return Expired(mark=mark)


def _dropped(
    mark: marks.TombstoneMark | marks.WithheldMark, reasons: frozenset[str]
) -> Dropped:  # fmt: skip
    if mark.reason not in reasons or mark.batch < 0:
        raise Malformed("mark of an unknown reason or number", reason="mark")
    fact = Fact(
        raw=mark.raw, previous=mark.previous, partition=mark.partition, offset=mark.offset,
        reason=mark.reason,
    )  # fmt: skip
    key = _key(mark.device, mark.boot, mark.stream)
    return Dropped(key=key, number=mark.batch, fact=fact)


def _key(device: bytes, boot: bytes, stream: int) -> StreamKey:
    if stream not in (Stream.INPUT, Stream.FRAME):
        raise Malformed("header of an unknown stream", reason="header")
    return StreamKey(device=device, boot=boot, stream=Stream(stream))
