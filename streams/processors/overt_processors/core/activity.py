"""The activity rule in event time: what a batch says of itself must be possible.

Violations are marked on the part, never mended: renumbering would hide from a reader what the
device did, and a batch that is odd may still be the truth. What cannot be read at all is another
matter (``Malformed``) and becomes a dead letter.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from overt_processors.core.opening import in_range
from overt_schemas import columns
from overt_schemas.errors import Malformed
from overt_schemas.records import FrameBatch, Gap, InputBatch

EVENT_ORDER = "event_order"  # event time goes back within the batch, or behind the one before
SEQ_ORDER = "seq_order"  # seq does not rise, within the batch or over the one before
BOUNDS = "bounds"  # an event further from the batch's start than a batch can reach
FRAME_ORDER = "frame_order"  # frame numbers or grab times go back
FRAME_COUNTS = "frame_counts"  # last seq or count of actions goes back from frame to frame
GAP = "gap"  # a hole of a reason no device has, of less than nothing, or that ends before it begins
ENDED = "ended"  # says why the activity ended and is not its last batch, or the other way round

# Avro's int is read without its bounds; sinks and the session app keep them.
_ACTIVITIES = range(2**31)
# A batch is one second; 3.5 s hold-back and a clock that is being slewed do not reach this.
_REACH_US = 10_000_000
_REASONS = columns.GAP_REASONS - columns.THINNED  # only a processor thins


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """First and last moment that a batch tells of, Unix microseconds."""

    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the rule found: when, and which violations (sorted).

    Attributes:
        span: None for a frame batch in which nothing happened: it has no time of its own.
        events, seqs: views on an input batch, so that nobody reads its columns again.
    """

    span: Span | None
    flags: tuple[str, ...]
    events: columns.Columns | None = None
    seqs: npt.NDArray[np.int64] | None = None


def read(batch: InputBatch | FrameBatch) -> Reading:
    """Return the time a batch covers and the violations in it.

    Raises:
        Malformed: broken columns, times outside the calendar, or an activity that cannot be.
    """
    if batch.activity not in _ACTIVITIES:
        raise Malformed("an activity that cannot be", reason="bounds")
    flags = _common(batch)
    match batch:
        case InputBatch():
            events, seqs = columns.read(batch), columns.seqs(batch)
            span = _input(batch, events, seqs, flags)
            return Reading(span=span, flags=tuple(sorted(flags)), events=events, seqs=seqs)
        case FrameBatch():
            return Reading(span=_frames(batch, flags), flags=tuple(sorted(flags)))


def _input(
    batch: InputBatch, events: columns.Columns, seqs: npt.NDArray[np.int64], flags: set[str]
) -> Span:
    start = in_range(batch.start_us)
    if not len(events):
        return Span(first_us=start, last_us=start)
    dt: npt.NDArray[np.int32] = events.dt  # type: ignore[assignment]
    falls = (dt[1:] < dt[:-1]).any()
    first, last = (int(dt.min()), int(dt.max())) if falls else (int(dt[0]), int(dt[-1]))
    if falls or start + first < batch.prev_event_us:
        flags.add(EVENT_ORDER)
    # Without offsets seqs rise by one from event to event.
    rises = not batch.seq or (seqs[1:] > seqs[:-1]).all()
    if not rises or batch.first_seq <= batch.prev_seq:
        flags.add(SEQ_ORDER)
    if first < -_REACH_US or last > _REACH_US:
        flags.add(BOUNDS)
    return Span(first_us=min(start, start + first), last_us=max(start, start + last))


def _frames(batch: FrameBatch, flags: set[str]) -> Span | None:
    times = [t for gap in batch.gaps for t in (gap.from_us, gap.to_us)]
    number, until, counts = batch.prev_frame, 0, (-1, 0)
    for frame in batch.frames:
        times += (frame.t_us, frame.until_us)
        mine = (frame.last_seq, frame.actions)
        if frame.chunk == 0:
            if frame.number <= number or frame.t_us < until:
                flags.add(FRAME_ORDER)
            if mine[0] < counts[0] or mine[1] < counts[1]:
                flags.add(FRAME_COUNTS)
        if frame.until_us < frame.t_us or frame.base >= frame.number:
            flags.add(FRAME_ORDER)
        number, until, counts = frame.number, frame.t_us, mine
    if not times:
        return None
    span = Span(first_us=in_range(min(times)), last_us=in_range(max(times)))
    if span.last_us - span.first_us > _REACH_US:
        flags.add(BOUNDS)
    return span


def _common(batch: InputBatch | FrameBatch) -> set[str]:
    flags = {GAP} if not all(map(_sound, batch.gaps)) else set()
    if bool(batch.ended) != batch.final:
        flags.add(ENDED)
    return flags


def _sound(gap: Gap) -> bool:
    return gap.reason in _REASONS and gap.count >= 0 and gap.from_us <= gap.to_us
