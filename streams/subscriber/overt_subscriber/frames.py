"""Screen frames: chunks joined, operations drawn, the result proved by its hash.

One raster per boot is kept and drawn on as frames come, so checking a frame costs its changes. A
``Frame`` keeps the compressed operations back to its keyframe and decodes pixels when asked: one
that nobody looks at costs no raster. Pure but for memory; every size is checked before it is
allocated, because a granted reader still does not trust what was captured.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt
import zstandard

from overt_schemas import records
from overt_schemas.columns import frame_hash
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.ids import SessionId

MAX_PIXELS = 64 * 1_048_576  # an 8K screen has 33 M
MAX_COMPRESSED = 64 * 1_048_576
MAX_CHAIN = 64 * 1_048_576  # of operations back to a keyframe; a segment has 8 MB
_OP_BYTES = 128  # an operation in memory, nearly
_PIXELS, _COPY = 0, 1
Raster = npt.NDArray[np.uint8]


class Proof(Enum):
    """What is known of a frame's pixels."""

    VERIFIED = "verified"
    MISMATCH = "mismatch"  # drawn, but the hash says it is another picture
    NO_BASE = "no_base"  # the frame it builds on is missing: no pixels until the next keyframe
    BROKEN = "broken"  # its operations cannot be drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The operations of one whole frame, still compressed, and the frame they are drawn on."""

    base: "Delta | None" = field(repr=False)
    width: int
    height: int
    ops: tuple[records.Op, ...] = field(repr=False)
    data: bytes = field(repr=False)
    chain: int  # bytes it keeps in memory, with all it is drawn on


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of the screen.

    Attributes:
        t_us, until_us: Unix microseconds before and after the grab.
        last_seq: seq of the last event admitted before the grab; binds actions to frames.
        actions: running count of actions at the grab.
        monitors: on a keyframe, else empty.
    """

    session: SessionId
    number: int
    t_us: int
    until_us: int
    last_seq: int
    actions: int
    epoch: int
    width: int
    height: int
    monitors: tuple[records.Monitor, ...]
    is_key: bool
    proof: Proof
    _delta: Delta | None = field(repr=False)

    def pixels(self) -> Raster:
        """Return height x width x 4 BGRX, decoded now; the array is the caller's.

        Costs the operations back to the keyframe (at most a segment of them).

        Raises:
            Untrusted: the frame is not ``VERIFIED``.
        """
        if self.proof is not Proof.VERIFIED or self._delta is None:
            raise Untrusted("frame is not proved by its hash", reason=self.proof.value)
        return render(self._delta)


def render(delta: Delta) -> Raster:
    """Return the raster of a frame, drawn from its keyframe on."""
    chain: list[Delta] = []
    at: Delta | None = delta
    while at is not None:
        chain.append(at)
        at = at.base
    raster = blank(delta.width, delta.height)
    for step in reversed(chain):
        draw(raster, step)
    return raster


def blank(width: int, height: int) -> Raster:
    """Return a raster to draw a keyframe on.

    Raises:
        Malformed: no size for a screen.
    """
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise Malformed("frame of an impossible size", reason="frame")
    raster = np.zeros((height, width, 4), np.uint8)
    raster[..., 3] = 0xFF
    return raster


def draw(raster: Raster, delta: Delta) -> None:
    """Apply a frame's operations to a raster, in order.

    Raises:
        Malformed: an operation outside the raster, or pixels that are too many or too few.
    """
    height, width = raster.shape[:2]
    for op in delta.ops:
        _check(op, width, height)
    needed = sum(op.width * op.height * 4 for op in delta.ops if op.kind == _PIXELS)
    if needed > MAX_PIXELS * 4:
        raise Malformed("frame draws more than a screen", reason="frame")
    pixels, at = _inflate(delta.data, needed), 0
    for op in delta.ops:
        target = raster[op.y : op.y + op.height, op.x : op.x + op.width]
        if op.kind == _COPY:
            source = raster[op.sy : op.sy + op.height, op.sx : op.sx + op.width]
            target[...] = source.copy()  # source and target may overlap
            continue
        size = op.width * op.height * 4
        target[...] = pixels[at : at + size].reshape(op.height, op.width, 4)
        target[..., 3] = 0xFF
        at += size


def _check(op: records.Op, width: int, height: int) -> None:
    inside = op.width > 0 and op.height > 0 and op.x >= 0 and op.y >= 0
    inside = inside and op.x + op.width <= width and op.y + op.height <= height
    if op.kind == _COPY:
        inside = inside and op.sx >= 0 and op.sy >= 0
        inside = inside and op.sx + op.width <= width and op.sy + op.height <= height
    if not inside or op.kind not in (_PIXELS, _COPY):
        raise Malformed("frame draws outside its raster", reason="frame")


def _inflate(data: bytes, needed: int) -> Raster:
    """Return the pixels of a frame and of those that were thinned before it: zstd frames in a row.

    Never more than ``needed`` bytes and one are made, whatever the data says.
    """
    if not needed:
        return np.zeros(0, np.uint8)
    limits = zstandard.ZstdDecompressor(max_window_size=128 * 1_048_576)
    try:
        if zstandard.frame_content_size(data) == needed:
            plain = limits.decompress(data, max_output_size=needed, allow_extra_data=False)
        else:
            with limits.stream_reader(data, read_across_frames=True) as rest:
                plain = rest.read(needed + 1)
    except zstandard.ZstdError as exc:
        raise Malformed("frame's pixels are not zstd frames", reason="frame") from exc
    if len(plain) != needed:
        raise Malformed("frame's pixels are too many or too few", reason="frame")
    return np.frombuffer(plain, np.uint8)


class Screen:
    """The screen of one boot as its frames come, in order; ``missed`` after a hole."""

    __slots__ = ("_chunks", "_delta", "_number", "_raster", "_size")

    def __init__(self) -> None:
        self._raster: Raster | None = None
        self._delta: Delta | None = None
        self._number = -1
        self._chunks: list[records.Frame] = []
        self._size = 0

    def missed(self) -> None:
        """Forget what was drawn: batches are missing, so only a keyframe stands on anything."""
        self._delta, self._number, self._chunks, self._size = None, -1, [], 0

    def rest(self) -> None:
        """Let go of the raster; the next frame draws it again from its keyframe on."""
        self._raster = None

    @property
    def raster_bytes(self) -> int:
        """What the raster takes in memory now."""
        return 0 if self._raster is None else self._raster.nbytes

    def feed(self, session: SessionId, batch: records.FrameBatch) -> Iterator[Frame]:
        """Yield the frames that this batch completes."""
        for piece in batch.frames:
            whole = self._join(piece)
            if whole is not None:
                yield self._frame(session, *whole)

    def _join(self, piece: records.Frame) -> tuple[records.Frame, bytes] | None:
        """Return a frame's first chunk and all its data, once its last chunk has come."""
        if piece.chunk == 0:
            self._chunks, self._size = [], 0
        expected = self._chunks[0].number if self._chunks else piece.number
        self._size += len(piece.data)
        if (
            piece.chunk != len(self._chunks) or piece.number != expected
            or self._size > MAX_COMPRESSED
        ):  # fmt: skip
            self.missed()  # a chunk without the ones before it is of no use
            return None
        self._chunks.append(piece)
        if len(self._chunks) < piece.chunks:
            return None
        first, data = self._chunks[0], b"".join(chunk.data for chunk in self._chunks)
        self._chunks, self._size = [], 0
        return first, data

    def _frame(self, session: SessionId, head: records.Frame, data: bytes) -> Frame:
        proof = self._prove(head, data)
        return Frame(
            session=session, number=head.number, t_us=head.t_us, until_us=head.until_us,
            last_seq=head.last_seq, actions=head.actions, epoch=head.epoch, width=head.width,
            height=head.height, monitors=head.monitors, is_key=head.key, proof=proof,
            _delta=self._delta if proof is Proof.VERIFIED else None,
        )  # fmt: skip

    def _prove(self, head: records.Frame, data: bytes) -> Proof:
        base = None if head.key or self._number != head.base else self._delta
        size = (head.width, head.height)
        if not head.key and (base is None or (base.width, base.height) != size):
            self.missed()
            return Proof.NO_BASE
        chain = len(data) + _OP_BYTES * (len(head.ops) + 1) + (base.chain if base else 0)
        if chain > MAX_CHAIN:
            self.missed()
            return Proof.NO_BASE
        delta = Delta(
            base=base, width=head.width, height=head.height, ops=head.ops, data=data, chain=chain
        )
        try:
            if base is None:
                self._raster = blank(head.width, head.height)
            elif self._raster is None:
                self._raster = render(base)
            draw(self._raster, delta)
        except Malformed:
            self.missed()
            return Proof.BROKEN
        if frame_hash(self._raster) != head.hash:
            self.missed()
            return Proof.MISMATCH
        self._delta, self._number = delta, head.number
        return Proof.VERIFIED
