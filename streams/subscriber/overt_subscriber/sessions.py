"""Whether a session is complete, cut, open or red: decided by headers alone, never by time-out.

*complete*: on every stream asked for, first to final without an unexplained hole. *cut*: the boot
ended (a boot end says how far it had spooled) before the final batch: the tail was killed, not
lost. *open*: more may come. *red*: something is missing that nothing explains, or was cloned.
Tombstones have no activity of their own; they count for the activities they lie in or between.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from overt_schemas.ids import SessionId, Stream
from overt_subscriber.batches import BatchSet, Fact


class State(Enum):
    """Where a session stands."""

    COMPLETE = "complete"
    CUT = "cut"
    OPEN = "open"
    RED = "red"


# The worse of two streams is the session's.
_ORDER = (State.COMPLETE, State.CUT, State.OPEN, State.RED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as far as its headers are known."""

    id: SessionId
    state: State
    batches: Mapping[Stream, int]
    holes: int

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.state in (State.COMPLETE, State.CUT)


@dataclass(slots=True, kw_only=True)
class _Extent:
    """One activity on one stream, while it is walked."""

    activity: int
    batches: int = 0
    holes: int = 0
    state: State = State.OPEN


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The activities of one stream, and between which of them only dropped batches lie."""

    extents: dict[int, _Extent] = field(default_factory=dict)
    vacant: list[tuple[int, int]] = field(default_factory=list)
    last: int = -1
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class _Between:
    """What lies between two parts: dropped on purpose, missing, or cloned."""

    dropped: int = 0
    missing: int = 0
    cloned: int = 0

    @property
    def explains(self) -> bool:
        """Whether all of it is accounted for, and there is some."""
        return self.dropped > 0 and self.missing == 0


def sessions(
    device: bytes, boot: bytes, streams: Mapping[Stream, BatchSet], wanted: Iterable[Stream]
) -> tuple[Session, ...]:
    """Return the sessions of one boot, in order of their activities."""
    walks = {stream: _walk(streams.get(stream, BatchSet())) for stream in wanted}
    activities = sorted({number for walk in walks.values() for number in walk.extents})
    return tuple(
        Session(
            id=SessionId(device=device, boot=boot, activity=number),
            state=max((_state(w, number) for w in walks.values()), key=_ORDER.index),
            batches={s: w.extents[number].batches for s, w in walks.items() if number in w.extents},
            holes=sum(w.extents[number].holes for w in walks.values() if number in w.extents),
        )
        for number in activities
    )  # fmt: skip


def _walk(batches: BatchSet) -> _Walk:
    walk, between = _Walk(), _Between()
    extent, last_part, previous = None, None, None
    for number, fact in batches:
        gap = number - (-1 if previous is None else previous) - 1
        if gap and batches.explanation(previous, number) is not None:
            between.dropped += gap
        else:
            between.missing += gap
        previous = number
        if not fact.is_content:
            between.dropped += 1
            between.cloned += fact.cloned
            continue
        extent = _enter(walk, extent, last_part, fact, between)
        extent.batches += 1
        last_part, between = fact, _Between()
    _finish(walk, extent, last_part, between, batches.end, -1 if previous is None else previous)
    return walk


def _enter(
    walk: _Walk, extent: _Extent | None, last: Fact | None, fact: Fact, between: _Between
) -> _Extent:
    """Return the activity that this part belongs to, with what lies before it accounted for."""
    if extent is not None and extent.activity == fact.activity:
        extent.holes += between.missing + between.cloned
        return extent
    if extent is not None and last is not None:
        _leave(extent, last, between)
    if between.explains:
        walk.vacant.append((-1 if extent is None else extent.activity, fact.activity))
    entered = walk.extents.setdefault(fact.activity, _Extent(activity=fact.activity))
    if not fact.first:
        entered.holes += between.cloned if between.explains else max(between.missing, 1)
    elif last is not None and last.final and last.activity + 1 == fact.activity:
        entered.holes += between.missing  # two activities in a row, and batches between them
    return entered


def _leave(extent: _Extent, last: Fact, between: _Between) -> None:
    """Decide an activity behind which another one begins."""
    if not last.final:
        extent.holes += between.cloned if between.explains else max(between.missing, 1)
    extent.state = State.COMPLETE


def _finish(
    walk: _Walk, extent: _Extent | None, last: Fact | None, between: _Between,
    end: int | None, highest: int,
) -> None:  # fmt: skip
    """Decide the last activity of the stream."""
    walk.ended = end is not None and highest + 1 >= end and not between.missing
    if extent is None or last is None:
        return
    walk.last = extent.activity
    if last.final:
        extent.state = State.COMPLETE
        return
    extent.holes += between.missing + between.cloned
    if walk.ended:
        extent.state = State.CUT


def _state(walk: _Walk, activity: int) -> State:
    extent = walk.extents.get(activity)
    if extent is not None:
        return State.RED if extent.holes else extent.state
    if any(lower < activity < upper for lower, upper in walk.vacant):
        return State.COMPLETE  # all of it was dropped on purpose
    if activity < walk.last:
        return State.RED
    return State.CUT if walk.ended else State.OPEN
