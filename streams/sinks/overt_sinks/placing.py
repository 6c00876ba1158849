"""Where a record belongs: read from its clear headers, with no key and no trust. Pure.

The sink stores what refine wrote and opens nothing. It needs only to know whose data a record is
and which batch, for the index. What does not parse is set aside whole; a reader will verify the
signatures of what was stored.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from overt_schemas import codec
from overt_schemas.envelope import marks
from overt_schemas.envelope.part import PartHeader, SegmentHeader, load, segment_info
from overt_schemas.errors import Malformed, OvertError
from overt_schemas.ids import ID_BYTES, Stream
from overt_schemas.records import Marker, Part
from overt_sinks.usual import PartNumbers, part_numbers

NONE = -1  # activity, stream, segment or batch of what has none
PART = "part"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONG = 1 << 63
_STREAMS = frozenset(Stream)
_OF_BATCH = frozenset((PART, marks.TOMBSTONE, marks.WITHHELD))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The columns of an index row that one record decides.

    Attributes:
        segment_header: bytes of the segment header; parts of one run share them. Empty for marks.
    """

    kind: str
    person: str
    device: str
    boot: str
    activity: int
    stream: int
    segment: int
    batch: int
    day: str
    segment_header: bytes = b""

    def follows(self, other: "Place") -> bool:
        """Whether this record continues the run that ``other`` is the last of."""
        return (
            self.kind == other.kind == PART
            and self.segment_header == other.segment_header
            and self.batch == other.batch + 1
        )


def place(value: bytes | None) -> Place:
    """Return where the record in a framed Kafka value belongs.

    Raises:
        Malformed: it is no part and no mark, or its headers hold what an index cannot.
    """
    if not value:
        raise Malformed("record has no value", reason="empty")
    try:
        if codec.schema_of(value).record is Part:
            found = _of_part(codec.decode(value, Part))
        else:
            found = _of_mark(codec.decode(value, Marker))
    except OvertError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as exc:
        # Clear CBOR from outside can hold any type, nested to any depth.
        raise Malformed("record's headers do not parse", reason="header") from exc
    return _checked(found)


def _of_part(part: Part) -> Place:
    segment, info = _segment(part.segment)
    usual = part_numbers(part.header)
    if usual is None:
        header = load(PartHeader, part.header)
        usual = PartNumbers(header.segment, header.batch)
    if usual.segment != info:
        raise Malformed("part header names another segment", reason="segment")
    return Place(
        kind=PART, person=segment.person, device=segment.device.hex(), boot=segment.boot.hex(),
        activity=segment.activity, stream=segment.stream, segment=segment.segment,
        batch=usual.batch, day=segment.day, segment_header=part.segment,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _segment(data: bytes) -> tuple[SegmentHeader, bytes]:
    """Parse and name a header once a segment: it stands unchanged in each of its parts."""
    header = load(SegmentHeader, data)
    _bytes_of_id(header.device, header.boot)
    return header, segment_info(data)


def _of_mark(marker: Marker) -> Place:
    match mark := marks.read_mark(marker):
        case marks.TombstoneMark() | marks.WithheldMark():
            _bytes_of_id(mark.device, mark.boot)
            return Place(
                kind=mark.kind, person=mark.person, device=mark.device.hex(),
                boot=mark.boot.hex(), activity=NONE, stream=mark.stream, segment=mark.segment,
                batch=mark.batch, day=mark.day,
            )  # fmt: skip
        case marks.BootEndMark():
            _bytes_of_id(mark.device, mark.boot)
            return Place(
                kind=marks.BOOT_END, person=mark.person, device=mark.device.hex(),
                boot=mark.boot.hex(), activity=NONE, stream=NONE, segment=NONE, batch=NONE,
                day=mark.day,
            )  # fmt: skip
        case marks.NoticeMark():
            return Place(
                kind=marks.NOTICE, person="", device="", boot="", activity=NONE, stream=NONE,
                segment=NONE, batch=NONE, day=mark.day,
            )  # fmt: skip


def _bytes_of_id(*values: object) -> None:
    if not all(isinstance(value, bytes) and len(value) == ID_BYTES for value in values):
        raise Malformed("device or boot is not 16 bytes", reason="header")


def _checked(found: Place) -> Place:
    """Return ``found`` if an index of any kind can hold it: CBOR numbers have no bounds."""
    if type(found.person) is not str or "\0" in found.person or len(found.person) > 64:
        raise Malformed("person is not a pseudonym", reason="header")
    if type(found.day) is not str or not _DAY.fullmatch(found.day):
        raise Malformed("day is not a date", reason="header")
    for number in (found.activity, found.stream, found.segment, found.batch):
        if type(number) is not int or not NONE <= number < _LONG:
            raise Malformed("a number is none that an index holds", reason="header")
    of_batch = found.kind in _OF_BATCH
    if of_batch and (found.stream not in _STREAMS or found.batch < 0):
        raise Malformed("stream or batch is none", reason="header")
    if found.kind == PART and not 0 <= found.activity < 1 << 31:
        raise Malformed("activity is out of bounds", reason="header")
    return found
