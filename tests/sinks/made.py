"""Records of overt.part.v1 made as a processor makes them, for the sink's tests."""

from dataclasses import dataclass, field

from overt_schemas import codec, hpke
from overt_schemas.envelope import marks
from overt_schemas.envelope import part as sealing
from overt_schemas.ids import Stream
from overt_schemas.signing import SigningKey
from overt_sinks.naming import Partition
from overt_sinks.placing import place
from overt_sinks.taken import Taken

TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA"
WHERE = Partition(topic="overt.part.v1", topic_id=TOPIC_ID, number=2)
SIGNER = SigningKey("sign-test", bytes(32))
DAY = "2026-11-25"
_PERSON_KEY = hpke.PrivateKey.generate().public_bytes()


@dataclass(slots=True)
class Segments:
    """A device whose parts and marks are sealed one after the other."""

    device: bytes = bytes(range(16))
    boot: bytes = bytes(range(16, 32))
    person: str = "p-0123456789abcdef"
    day: str = DAY
    stream: Stream = Stream.INPUT
    number: int = 0
    batch: int = 0
    _segment: sealing.Segment | None = None
    sent: list[bytes] = field(default_factory=list)

    def next_segment(self) -> None:
        """Begin another segment."""
        self.number, self._segment = self.number + 1, None

    def part(self, size: int = 100, content: bytes | None = None) -> bytes:
        """Return the framed next part of the segment; ``content`` is what it seals, or zeros."""
        segment = self._segment = self._segment or self._open()
        header = sealing.PartHeader(
            segment=segment.info, batch=self.batch, raw=bytes(32), previous=bytes(32), partition=0,
            offset=self.batch, schema=21, first=self.batch == 0, final=False,
        )  # fmt: skip
        self.batch += 1
        return codec.encode(sealing.seal_part(segment, header, content or bytes(size), SIGNER))

    def tombstone(self) -> bytes:
        """Return the framed mark of the next batch, dropped on purpose."""
        mark = marks.TombstoneMark(
            person=self.person, device=self.device, boot=self.boot, stream=self.stream,
            batch=self.batch, segment=self.number, day=self.day, reason="forget", raw=bytes(32),
            previous=bytes(32), partition=0, offset=self.batch,
        )  # fmt: skip
        self.batch += 1
        return codec.encode(marks.seal_mark(mark, b"evidence", SIGNER))

    def withheld(self) -> bytes:
        """Return the framed mark of the next batch, which a processor set aside."""
        mark = marks.WithheldMark(
            person=self.person, device=self.device, boot=self.boot, stream=self.stream,
            batch=self.batch, segment=self.number, day=self.day, reason="no_consent", raw=bytes(32),
            previous=bytes(32), partition=0, offset=self.batch,
        )  # fmt: skip
        self.batch += 1
        return codec.encode(marks.seal_mark(mark, b"", SIGNER))

    def boot_end(self) -> bytes:
        """Return the framed mark of the boot's end."""
        mark = marks.BootEndMark(
            person=self.person, device=self.device, boot=self.boot, input_batches=self.batch,
            frame_batches=0, day=self.day, clean=False, partition=0, offset=1,
        )  # fmt: skip
        return codec.encode(marks.seal_mark(mark, b"evidence", SIGNER))

    def _open(self) -> sealing.Segment:
        key = bytes([self.number % 256]) * 32
        header = sealing.SegmentHeader(
            person=self.person, device=self.device, boot=self.boot, activity=1,
            stream=self.stream, segment=self.number, day=self.day, policy="0" * 64,
            consent="c-0123456789abcdef", purposes=("train",), processor="sign-test",
            data_key=bytes(16), commitment=sealing.commitment(key),
        )  # fmt: skip
        return sealing.open_segment(header, key, _PERSON_KEY, "pk-test")


def notice() -> bytes:
    """Return a framed notice."""
    mark = marks.NoticeMark(
        topic="overt.input.v1", topic_id=TOPIC_ID, partition=0, from_offset=3, to_offset=9, day=DAY
    )
    return codec.encode(marks.seal_mark(mark, b"", SIGNER))


def taken(offset: int, value: bytes, arrived_ns: int = 0) -> Taken:
    """Return a record as the sink takes it, placed."""
    return Taken(
        offset=offset, append_ms=1_764_000_000_000 + offset, key=bytes(range(16)),
        headers=(("trace", b"\x00\x01"),), value=value, place=place(value), arrived_ns=arrived_ns,
    )  # fmt: skip


def aside(offset: int, value: bytes = b"broken") -> Taken:
    """Return a record that did not parse."""
    return Taken(
        offset=offset, append_ms=0, key=b"", headers=(), value=value, place=None,
        reason="malformed",
    )  # fmt: skip
