"""Frames thinned: those stay that stand before or after an action, show another scene, or are due.

Of a batch stay the first and the last frame; of the others each that (a) has another count of
actions than the kept one before it or the one after it, (b) belongs to another display epoch or
size, (c) changes a policy's share of the picture since the kept one, or (d) comes a floor's time
after it. A whole picture says nothing of what it changed; there the sizes as compressed are
compared. A frame in chunks, and the one before it, always stay.

The operations of what is left out are carried to the next that stays, so it is drawn on the same
picture and has the hash it had; no pixel is looked at. Each verdict is on a frame *with* what it
would carry, against the kept one before: so what was thinned once is not thinned further.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from overt_schemas.columns import THINNED_FRAME
from overt_schemas.records import Frame, FrameBatch, Gap, Op, Policy

# A second has 10 grabs; a batch of more is made to be costly and stays whole.
FRAMES_LIMIT = 256
# What a reader draws at once (overt_subscriber.frames): more carried would never be shown.
PIXELS_LIMIT = 64 * 1_048_576
DATA_LIMIT = 900_000  # architecture §2: a frame batch
_DRAWS = 0  # kind of an operation that has pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One or several frames in a row that became one: ``pieces``, the last of which is shown."""

    pieces: tuple[Frame, ...]
    pixels: int  # that its operations draw, copies too
    changed: int  # of those, without the whole picture that a keyframe begins with
    size: int

    @property
    def last(self) -> Frame:
        """The frame that is shown."""
        return self.pieces[-1]

    @property
    def is_key(self) -> bool:
        """Whether it is drawn on nothing."""
        return self.pieces[0].key

    def then(self, frame: Frame) -> "Carried | None":
        """Return this with one more; None when it cannot be drawn on this, or is too much."""
        if frame.key:
            return carry(frame)
        shown = self.last
        if (frame.base, frame.epoch, frame.width, frame.height) != (
            shown.number, shown.epoch, shown.width, shown.height,
        ):  # fmt: skip
            return None
        drawn = sum(map(_area, frame.ops))
        more = Carried(
            pieces=(*self.pieces, frame), pixels=self.pixels + drawn,
            changed=self.changed + drawn, size=self.size + len(_pixels(frame)),
        )  # fmt: skip
        return more if more.pixels <= PIXELS_LIMIT and more.size <= DATA_LIMIT else None

    def merged(self) -> Frame:
        """Return it as one frame: shown as the last was, drawn on what the first was drawn on."""
        first, last = self.pieces[0], self.last
        if first is last:
            return last
        return replace(
            last, key=first.key, base=first.base,
            monitors=first.monitors if first.key else last.monitors,
            ops=tuple(op for piece in self.pieces for op in piece.ops),
            data=b"".join(map(_pixels, self.pieces)),
        )  # fmt: skip


def carry(frame: Frame) -> Carried:
    """Return a frame that nothing was carried to."""
    pixels = sum(map(_area, frame.ops))
    whole = _area(frame.ops[0]) if frame.key and frame.ops else 0
    return Carried(
        pieces=(frame,), pixels=pixels, changed=pixels - whole, size=len(_pixels(frame))
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Kept:
    """The frames that stay so far, and what the next is compared with."""

    frames: list[Frame] = field(default_factory=list)
    whole: int = -1  # compressed size of the last picture that stood alone; -1 for none

    def add(self, frame: Frame) -> None:
        """Let a frame stay."""
        self.frames.append(frame)
        if frame.chunks > 1:
            self.whole = -1  # its size is not all here
        elif frame.key:
            self.whole = len(_pixels(frame))


def thin(batch: FrameBatch, policy: Policy) -> FrameBatch:
    """Return the batch without the frames that say nothing; the same object when all of them do.

    The batch must hold the activity rule. A policy's floor of 0 thins nothing.
    """
    if policy.frame_floor_ms <= 0 or not 2 < len(batch.frames) <= FRAMES_LIMIT:
        return batch
    kept = _kept(batch.frames, policy)
    if len(kept) == len(batch.frames):
        return batch
    numbers = {frame.number for frame in kept}
    gone = [frame for frame in batch.frames if frame.number not in numbers]
    gap = Gap(
        reason=THINNED_FRAME, from_us=gone[0].t_us, to_us=gone[-1].until_us, count=len(gone)
    )  # fmt: skip
    return replace(batch, frames=tuple(kept), gaps=(*batch.gaps, gap))


def _kept(frames: Sequence[Frame], policy: Policy) -> list[Frame]:
    kept = _Kept()
    held: Carried | None = None  # left out so far, and to be carried to the next that stays
    for frame, following in zip_longest(frames, frames[1:]):
        if frame.chunks > 1:
            kept.add(frame)
            continue
        candidate = carry(frame) if held is None else held.then(frame)
        if candidate is None and held is not None:
            kept.add(held.merged())
        candidate = candidate or carry(frame)
        held = None if _stays(kept, candidate, following, policy) else candidate
        if held is None:
            kept.add(candidate.merged())
    return kept.frames


def _stays(kept: _Kept, candidate: Carried, following: Frame | None, policy: Policy) -> bool:
    if not kept.frames or following is None or following.chunks > 1:
        return True
    before, shown = kept.frames[-1], candidate.last
    if shown.actions != before.actions or following.actions != shown.actions:
        return True
    if shown.t_us - before.t_us >= policy.frame_floor_ms * 1000:
        return True
    scene = (shown.epoch, shown.width, shown.height)
    if scene != (before.epoch, before.width, before.height):
        return True
    if candidate.changed * 100 >= policy.scene_percent * shown.width * shown.height:
        return True
    other = abs(candidate.size - kept.whole) * 100 >= policy.scene_percent * kept.whole
    return candidate.is_key and (kept.whole < 0 or other)


def _pixels(frame: Frame) -> bytes:
    """Return the data that a reader looks at: none where operations only copy."""
    return frame.data if any(op.kind == _DRAWS for op in frame.ops) else b""


def _area(op: Op) -> int:
    return max(op.width, 0) * max(op.height, 0)
