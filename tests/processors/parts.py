"""Parts and marks as refine would write them, without raw records behind them."""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_schemas import codec
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import marks
from overt_schemas.envelope.part import (
    PartHeader,
    Segment,
    SegmentHeader,
    dump,
    seal_part,
    segment_info,
)
from overt_schemas.ids import Stream, new_id
from overt_schemas.signing import SigningKey

_SCHEMA = (ID_OF["InputBatch"], ID_OF["FrameBatch"])
_NOWHERE = bytes(32)
PERSON, DAY = "p-0123456789abcdef", "2026-11-25"


@dataclass
class PartsOf:
    """What is written of one boot of one device."""

    signer: SigningKey
    device: bytes = field(default_factory=new_id)
    boot: bytes = field(default_factory=new_id)
    payload: int = 200
    next: list[int] = field(default_factory=lambda: [0, 0])
    activity: int = -1
    _segments: dict[tuple[int, int], Segment] = field(default_factory=dict)

    def begin(self) -> list[bytes]:
        """Begin an activity: the first part of both streams."""
        self.activity += 1
        return [self.part(stream, first=True) for stream in Stream]

    def go_on(self) -> list[bytes]:
        """Return the next part of both streams."""
        return [self.part(stream) for stream in Stream]

    def finish(self) -> list[bytes]:
        """End the activity: the final part of both streams."""
        return [self.part(stream, final=True) for stream in Stream]

    def part(self, stream: Stream, *, first: bool = False, final: bool = False) -> bytes:
        """Return the next part of a stream, framed."""
        segment = self._segment(stream)
        header = PartHeader(
            segment=segment.info, batch=self._number(stream), raw=_NOWHERE, previous=_NOWHERE,
            partition=0, offset=0, schema=_SCHEMA[stream], first=first, final=final,
        )  # fmt: skip
        return codec.encode(seal_part(segment, header, bytes(self.payload), self.signer))

    def tombstone(self, stream: Stream) -> bytes:
        """Return the mark of the stream's next batch, dropped on purpose."""
        mark = marks.TombstoneMark(
            person=PERSON, device=self.device, boot=self.boot, stream=int(stream),
            batch=self._number(stream), segment=0, day=DAY, reason="age", raw=_NOWHERE,
            previous=_NOWHERE, partition=0, offset=0,
        )  # fmt: skip
        return self._mark(mark)

    def boot_end(self) -> bytes:
        """Return the mark that ends the boot."""
        mark = marks.BootEndMark(
            person=PERSON, device=self.device, boot=self.boot, input_batches=self.next[0],
            frame_batches=self.next[1], day=DAY, clean=False, partition=0, offset=0,
        )  # fmt: skip
        return self._mark(mark)

    def notice(self) -> bytes:
        """Return a mark that raw records expired."""
        mark = marks.NoticeMark(
            topic="overt.input.v1", topic_id="x", partition=0, from_offset=0, to_offset=9, day=DAY
        )
        return self._mark(mark)

    def _mark(self, mark: marks.Mark) -> bytes:
        return codec.encode(marks.seal_mark(mark, b"", self.signer))

    def _number(self, stream: Stream) -> int:
        number = self.next[stream]
        self.next[stream] = number + 1
        return number

    def _segment(self, stream: Stream) -> Segment:
        known = self._segments.get((self.activity, stream))
        if known is None:
            header = SegmentHeader(
                person=PERSON, device=self.device, boot=self.boot, activity=self.activity,
                stream=int(stream), segment=0, day=DAY, policy="0" * 64, consent="c-1",
                purposes=("research",), processor=self.signer.key_id, data_key=bytes(16),
                commitment=bytes(16),
            )  # fmt: skip
            packed = dump(header)
            key = AESGCM(hashlib.sha256(packed).digest())
            known = Segment(
                header=header, packed=packed, info=segment_info(packed), wrap=bytes(16),
                person_key="k-1", key=key,
            )  # fmt: skip
            self._segments[self.activity, stream] = known
        return known
