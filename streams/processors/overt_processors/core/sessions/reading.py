"""What one record of overt.part.v1 says about sessions, once its processor's signature holds."""

from dataclasses import dataclass
from functools import lru_cache

from overt_schemas import codec
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import marks, part
from overt_schemas.errors import Malformed
from overt_schemas.ids import ID_BYTES, Stream
from overt_schemas.records import Marker, Part
from overt_schemas.signing import PROCESSOR_SIGN, Keyring

# Reasons that a newer key set may take away: read the registries on, then decide.
UNSURE = frozenset({"unknown_key", "key_expired"})
_SCHEMA = {Stream.INPUT: ID_OF["InputBatch"], Stream.FRAME: ID_OF["FrameBatch"]}
_ACTIVITIES = range(2**31)
_BATCHES = range(2**40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A part: one batch of a session."""

    device: bytes
    boot: bytes
    activity: int
    person: str
    stream: int
    batch: int
    first: bool
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A tombstone or a withheld batch: accounted for, of an activity that nobody names."""

    device: bytes
    boot: bytes
    stream: int
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A boot is over."""

    device: bytes
    boot: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """Raw records went unread: of which sessions, nobody knows any more."""


News = Seen | Missed | Ended | Expired


def read(value: bytes | None, keyring: Keyring, append_ms: int) -> News:
    """Return what the record says.

    Raises:
        Untrusted: no processor in force at ``append_ms`` signed it.
        Malformed: neither a part nor a mark, or one that says what cannot be.
    """
    if not value:
        raise Malformed("record without a value", reason="empty")
    if codec.schema_of(value).record is Part:
        return _part(codec.decode(value, Part), keyring, append_ms)
    return _mark(codec.decode(value, Marker), keyring, append_ms)


def _part(record: Part, keyring: Keyring, append_ms: int) -> Seen:
    public = keyring.public(_claimed(record.segment), PROCESSOR_SIGN, append_ms)
    segment, header = part.verify_part(record, public)
    _check(segment.device, segment.boot, segment.stream, header.batch)
    if header.schema != _SCHEMA[Stream(segment.stream)]:
        raise Malformed("part of a schema its stream does not have", reason="header")
    if segment.activity not in _ACTIVITIES:
        raise Malformed("part of an activity that cannot be", reason="header")
    return Seen(
        device=segment.device, boot=segment.boot, activity=segment.activity, person=segment.person,
        stream=segment.stream, batch=header.batch, first=header.first, final=header.final,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _claimed(segment: bytes) -> str:
    """Return which processor a segment header names; all parts of a segment carry the same."""
    return part.load(part.SegmentHeader, segment).processor


def _mark(record: Marker, keyring: Keyring, append_ms: int) -> News:
    mark = marks.verify_mark(record, keyring.public(record.processor, PROCESSOR_SIGN, append_ms))
    match mark:
        case marks.TombstoneMark() | marks.WithheldMark():
            _check(mark.device, mark.boot, mark.stream, mark.batch)
            return Missed(device=mark.device, boot=mark.boot, stream=mark.stream, batch=mark.batch)
        case marks.BootEndMark():
            _check(mark.device, mark.boot, Stream.INPUT, 0)
            return Ended(device=mark.device, boot=mark.boot)
        case marks.NoticeMark():
            return Expired()


def _check(device: bytes, boot: bytes, stream: int, batch: int) -> None:
    if len(device) != ID_BYTES or len(boot) != ID_BYTES:
        raise Malformed("device or boot of another length", reason="header")
    if stream not in (Stream.INPUT, Stream.FRAME) or batch not in _BATCHES:
        raise Malformed("stream or batch that cannot be", reason="header")
