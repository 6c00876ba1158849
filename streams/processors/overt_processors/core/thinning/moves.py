"""Pointer moves thinned: the ends of a hover stay, and the path of a drag within a tolerance.

A *run* is moves without another event or a rest between them, with the same buttons, modifiers,
flags and layout. Of a run its first and last move stay; of one with a button held (a drag) also
the points that its path needs. So the last move before every action, before every rest and of
every batch stays. Anything that is not a move stays.

What was thinned once is not thinned further: its runs are the same, because only neighbours by seq
have a rest between them, and a drag's path keeps the points it needs.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from overt_processors.core.thinning.path import simplify
from overt_schemas import columns
from overt_schemas.columns import THINNED_DRAG, THINNED_HOVER, Columns, Kind
from overt_schemas.records import Gap, InputBatch

# Mice report each 1 to 8 ms, hands pause between two aims for 100 ms and more.
REST_US = 100_000
# X's masks of buttons 1 to 5 in the state of an event.
BUTTONS = 0x1F00
# An endpoint seals at most 2,048 events a batch; a larger one is made to be costly and stays whole.
EVENTS_LIMIT = 4096
_THREE = bytes([Kind.MOVE] * 3)  # both ends of a run stay, so only a third can go
Mask = npt.NDArray[np.bool_]
Seqs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """Which events stay, and which are moves with a button held (None: there is none)."""

    keep: Mask
    drag: Mask | None


def thin(
    batch: InputBatch, tolerance_px: int, events: Columns | None = None, seqs: Seqs | None = None
) -> InputBatch:
    """Return the batch without the moves that say nothing; the same object when all of them do.

    The batch must hold the activity rule: times do not go back, seqs rise. The seqs of what stays
    are exact, what went is counted in gaps. A tolerance of 0 thins nothing; ``events`` and ``seqs``
    are the batch's columns, if somebody has read them.

    Raises:
        Malformed: columns that do not fit each other.
    """
    if tolerance_px <= 0 or len(batch.kind) > EVENTS_LIMIT or _THREE not in batch.kind:
        return batch
    events = columns.read(batch) if events is None else events
    seqs = columns.seqs(batch) if seqs is None else seqs
    verdict = _judge(batch, events, seqs, tolerance_px)
    if verdict is None:
        return batch
    keep, drag = verdict.keep, verdict.drag
    gone = ~keep
    if drag is None:
        gaps = _gap(THINNED_HOVER, batch, events, gone)
    else:
        gaps = (
            *_gap(THINNED_HOVER, batch, events, gone & ~drag),
            *_gap(THINNED_DRAG, batch, events, gone & drag),
        )
    stay = np.flatnonzero(keep)
    offsets = seqs[stay] - batch.first_seq
    left = {name: getattr(events, name).take(stay).tobytes() for name in Columns.__slots__}
    return replace(batch, seq=offsets.astype("<u4").tobytes(), gaps=(*batch.gaps, *gaps), **left)


def _judge(batch: InputBatch, events: Columns, seqs: Seqs, tolerance_px: int) -> _Verdict | None:
    """Return what stays; None when everything does."""
    move = events.kind == Kind.MOVE
    joined = move[1:] & move[:-1]
    for name in ("state", "flags", "layout"):
        if not _is_one_value(getattr(batch, name), column := getattr(events, name)):
            joined &= column[1:] == column[:-1]
    dt: npt.NDArray[np.int32] = events.dt  # type: ignore[assignment]
    close = dt[1:] - dt[:-1] < REST_US
    if batch.seq:  # else they follow each other
        close |= seqs[1:] - seqs[:-1] > 1
    joined &= close
    # Between two neighbours that it is joined to, a move may go.
    keep = np.ones(len(move), np.bool_)
    np.logical_and(joined[1:], joined[:-1], out=keep[1:-1])
    np.logical_not(keep[1:-1], out=keep[1:-1])
    if keep.all():
        return None
    state: npt.NDArray[np.uint16] = events.state  # type: ignore[assignment]
    pressed = (state & BUTTONS) != 0
    if not pressed.any():
        return _Verdict(keep=keep, drag=None)
    drag = move & pressed
    if (drag & ~keep).any():
        keep |= _path(events, drag, joined, tolerance_px)
    return None if keep.all() else _Verdict(keep=keep, drag=drag)


def _is_one_value(data: bytes, column: columns.Array) -> bool:
    """Return whether all elements of a column are the same, as they mostly are."""
    size = column.itemsize
    return data[size:] == data[:-size]


def _path(events: Columns, drag: Mask, joined: Mask, tolerance_px: int) -> Mask:
    """Return the points that the paths of all drags of the batch need."""
    begins, ends = drag.copy(), drag.copy()
    begins[1:] &= ~joined
    ends[:-1] &= ~joined
    points = events.x.astype(np.complex128)
    points.imag = events.y
    return simplify(points, np.flatnonzero(begins), np.flatnonzero(ends), float(tolerance_px))


def _gap(reason: str, batch: InputBatch, events: Columns, gone: Mask) -> tuple[Gap, ...]:
    at = np.flatnonzero(gone)
    if not len(at):
        return ()
    first, last = (int(events.dt[n]) + batch.start_us for n in (at[0], at[-1]))
    return (Gap(reason=reason, from_us=first, to_us=last, count=len(at)),)
