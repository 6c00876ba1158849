"""Parts and marks as processors make them, in memory: what the twin authority serves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import zstandard

from overt_schemas import codec, hpke, records
from overt_schemas.catalogue import ID_OF
from overt_schemas.columns import Kind, frame_hash
from overt_schemas.envelope import header as clear
from overt_schemas.envelope import marks, padding, part
from overt_schemas.ids import Stream
from overt_schemas.records import (
    BootEnd,
    FrameBatch,
    InputBatch,
    KeyCert,
    KeySet,
    Marker,
    Part,
    Signed,
    StoredPart,
)
from overt_schemas.signing import PROCESSOR_SIGN, ROOT, SigningKey, device_key_id
from overt_schemas.testing import empty_input

START_US = 1_764_000_000_000_000
NOW_MS = START_US // 1000
ROOT_KEY = SigningKey(ROOT, bytes(32))
PROCESSOR = SigningKey("proc-1", bytes([1]) * 32)
PERSON = "p-0123456789abcdef"
PERSON_KEY = hpke.PrivateKey.generate()  # 2 ms; one for all tests, as one week has


def keyset(root: SigningKey = ROOT_KEY, processors: Sequence[SigningKey] = (PROCESSOR,)) -> Signed:
    certs = tuple(
        KeyCert(
            key_id=key.key_id, role=PROCESSOR_SIGN, public=key.public_bytes(),
            not_before_ms=0, not_after_ms=2 * NOW_MS,
        )
        for key in processors
    )  # fmt: skip
    return root.sign_record(KeySet(version=1, certs=certs))


def key_events(first_seq: int, text: str, **changes: object) -> InputBatch:
    """One key down for each character, 10 ms apart."""
    count = len(text)
    zeros = np.zeros(count)
    fields: dict[str, object] = {
        "first_seq": first_seq,
        "dt": (np.arange(count) * 10_000).astype("<i4").tobytes(),
        "kind": np.full(count, Kind.KEY_DOWN, "u1").tobytes(),
        "x": zeros.astype("<i2").tobytes(), "y": zeros.astype("<i2").tobytes(),
        "code": (zeros + 38).astype("<u2").tobytes(), "state": zeros.astype("<u2").tobytes(),
        "keysym": np.array([ord(c) for c in text], "<u4").tobytes(),
        "flags": zeros.astype("u1").tobytes(), "layout": zeros.astype("u1").tobytes(),
    }  # fmt: skip
    return replace(empty_input(), **{**fields, **changes})  # type: ignore[arg-type]


def empty_frames(activity: int = 0, **changes: object) -> FrameBatch:
    fields: dict[str, object] = {
        "activity": activity, "first": False, "final": False, "ended": "", "prev_frame": -1,
        "frames": (), "gaps": (),
    }  # fmt: skip
    return FrameBatch(**{**fields, **changes})  # type: ignore[arg-type]


def keyframe(number: int, raster: np.ndarray, **changes: object) -> records.Frame:
    """A keyframe of one operation that draws the whole raster."""
    height, width = raster.shape[:2]
    op = records.Op(kind=0, x=0, y=0, width=width, height=height, sx=0, sy=0)
    frame = records.Frame(
        number=number, t_us=START_US, until_us=START_US + 1000, last_seq=-1, actions=0, epoch=0,
        width=width, height=height, monitors=(), key=True, base=-1, chunk=0, chunks=1, ops=(op,),
        data=zstandard.compress(raster.tobytes()), hash=frame_hash(raster),
    )  # fmt: skip
    return replace(frame, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class Device:
    """A device and boot whose raw hashes chain, stream by stream; parts of it in any number."""

    device: bytes = bytes(range(16))
    boot: bytes = bytes(range(16, 32))
    processor: SigningKey = PROCESSOR
    activity: int = 0
    previous: dict[Stream, bytes] = field(
        default_factory=lambda: dict.fromkeys(Stream, clear.FIRST)
    )
    batches: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    segments: dict[tuple[Stream, int, int], part.Segment] = field(default_factory=dict)
    offset: int = 0

    def segment(self, stream: Stream, number: int = 0, run: int = 0) -> part.Segment:
        """The segment that batches of this activity go to; ``run`` makes it another run's."""
        name = (stream, number * 1000 + run, self.activity)
        if name not in self.segments:
            key = bytes([len(self.segments) + 1]) * 32
            head = part.SegmentHeader(
                person=PERSON, device=self.device, boot=self.boot, activity=self.activity,
                stream=stream, segment=number, day="2025-11-24", policy="0" * 64,
                consent="c-0123456789abcdef", purposes=("research",),
                processor=self.processor.key_id, data_key=bytes([run]) * 16,
                commitment=part.commitment(key),
            )  # fmt: skip
            self.segments[name] = part.open_segment(head, key, PERSON_KEY.public_bytes(), "w48")
        return self.segments[name]

    def seal(
        self, batch: InputBatch | FrameBatch, *, segment: int = 0, salt: bytes = b""
    ) -> Part:  # fmt: skip
        """The next batch of its stream, as a part."""
        stream = Stream.INPUT if isinstance(batch, InputBatch) else Stream.FRAME
        sealed = self.again(batch, self.batches[stream], segment=segment, salt=salt)
        self.previous[stream] = raw_hash(self, stream, self.batches[stream], salt)
        self.batches[stream] += 1
        return sealed

    def again(
        self, batch: InputBatch | FrameBatch, number: int, *, segment: int = 0, run: int = 0,
        salt: bytes = b"",
    ) -> Part:  # fmt: skip
        """That batch as a part, by another processor run or with another raw hash (``salt``)."""
        stream = Stream.INPUT if isinstance(batch, InputBatch) else Stream.FRAME
        self.offset += 1
        head = part.PartHeader(
            segment=self.segment(stream, segment, run).info, batch=number,
            raw=raw_hash(self, stream, number, salt),
            previous=raw_hash(self, stream, number - 1) if number else clear.FIRST,
            partition=0, offset=self.offset, schema=ID_OF[type(batch).__name__],
            first=batch.first, final=batch.final,
        )  # fmt: skip
        padded = padding.pack(codec.pack(batch))
        return part.seal_part(self.segment(stream, segment, run), head, padded, self.processor)

    def tombstone(self, stream: Stream, reason: str = "age", number: int | None = None) -> Marker:
        """A mark where the next batch of a stream was dropped on purpose."""
        at = self.batches[stream] if number is None else number
        self.offset += 1
        mark = marks.TombstoneMark(
            person=PERSON, device=self.device, boot=self.boot, stream=stream, batch=at,
            segment=0, day="2025-11-24", reason=reason, raw=raw_hash(self, stream, at),
            previous=raw_hash(self, stream, at - 1) if at else clear.FIRST,
            partition=0, offset=self.offset,
        )  # fmt: skip
        if number is None:
            self.previous[stream] = raw_hash(self, stream, at)
            self.batches[stream] += 1
        return marks.seal_mark(mark, b"", self.processor)

    def withheld(self, stream: Stream, reason: str, number: int | None = None) -> Marker:
        """A mark where the next batch of a stream was set aside by a processor."""
        at = self.batches[stream] if number is None else number
        self.offset += 1
        mark = marks.WithheldMark(
            person=PERSON, device=self.device, boot=self.boot, stream=stream, batch=at,
            segment=0, day="2025-11-24", reason=reason, raw=raw_hash(self, stream, at),
            previous=raw_hash(self, stream, at - 1) if at else clear.FIRST,
            partition=0, offset=self.offset,
        )  # fmt: skip
        if number is None:
            self.previous[stream] = raw_hash(self, stream, at)
            self.batches[stream] += 1
        return marks.seal_mark(mark, b"", self.processor)

    def skip(self, stream: Stream, count: int = 1) -> None:
        """Let batches be made that never come."""
        self.batches[stream] += count
        self.offset += count

    def end(self, input_batches: int | None = None, frame_batches: int | None = None) -> Marker:
        """The mark that this boot ended."""
        spooled = [
            self.batches[s] if n is None else n
            for s, n in ((Stream.INPUT, input_batches), (Stream.FRAME, frame_batches))
        ]
        said = BootEnd(
            device=self.device, boot=self.boot, next_boot=bytes(16), input_batches=spooled[0],
            frame_batches=spooled[1], at_us=START_US + 60_000_000, clean=False, person=PERSON,
        )  # fmt: skip
        evidence = codec.encode(SigningKey(device_key_id(self.device), bytes(32)).sign_record(said))
        mark = marks.BootEndMark(
            person=PERSON, device=self.device, boot=self.boot, input_batches=spooled[0],
            frame_batches=spooled[1], day="2025-11-24", clean=False, partition=0, offset=0,
        )  # fmt: skip
        return marks.seal_mark(mark, evidence, self.processor)


def raw_hash(device: Device, stream: Stream, number: int, salt: bytes = b"") -> bytes:
    """A stand-in for the raw record's hash: the same for the same record, made again."""
    return clear.batch_hash(
        device.device + device.boot + bytes([stream]) + salt, number.to_bytes(8)
    )


def notice(topic: str, from_offset: int, to_offset: int) -> Marker:
    mark = marks.NoticeMark(
        topic=topic, topic_id="t", partition=0, from_offset=from_offset, to_offset=to_offset,
        day="2025-11-24",
    )  # fmt: skip
    return marks.seal_mark(mark, b"", PROCESSOR)


def stored(value: Part | Marker, offset: int = 0) -> StoredPart:
    """A record as the sink stores it."""
    return StoredPart(
        topic_id="t", partition=0, offset=offset, append_ms=NOW_MS, key=bytes(16), headers=(),
        schema_id=ID_OF[type(value).__name__], value=codec.pack(value),
    )  # fmt: skip


def session(device: Device, texts: Iterable[str], *, segment_every: int = 2) -> list[Part]:
    """A whole activity: one input and one frame batch for each text, first to final."""
    texts = list(texts)
    parts, seq = [], 0
    for at, text in enumerate(texts):
        ends: dict[str, object] = {"first": at == 0, "final": at == len(texts) - 1}
        activity, cut = device.activity, at // segment_every
        start = START_US + at * 1_000_000
        batch = key_events(seq, text, activity=activity, start_us=start, **ends)
        parts += [
            device.seal(batch, segment=cut),
            device.seal(empty_frames(activity, **ends), segment=cut),
        ]
        seq += len(text)
    return parts
