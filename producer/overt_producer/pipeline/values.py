"""What the pipeline takes, keeps and gives. Pure values.

Times are Unix microseconds of the event unless a name says otherwise. Sources speak the machine's
monotonic clock; ``Anchor`` turns that into Unix time and stands still while anything is captured,
so that a slewed wall clock cannot reorder events. (A *stepped* one ends the lease.)
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from overt_producer.frames.encode import Picture, Shot
from overt_producer.sources.events import Grab, RawInput, WindowState
from overt_producer.sources.focus import Timeline
from overt_schemas.ids import Stream
from overt_schemas.records import FrameBatch, InputBatch, Policy

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One reading of all clocks.

    Attributes:
        wall_us: Unix microseconds.
        boot_ns: since boot, suspend included.
        mono_us: the sources' clock; it stands still in suspend.
    """

    wall_us: int
    boot_ns: int
    mono_us: int

    @property
    def wall_ms(self) -> int:
        """Unix milliseconds."""
        return self.wall_us // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Everything that must hold for an event to be admitted, as of one moment.

    Attributes:
        beacon: number of the beacon in force.
        until_us: the lease ends by itself then.
        policy: hash of the policy in force; ``rules`` is what it says.
        consent: id of the receipt that covers it, given by ``person``.
    """

    beacon: int
    until_us: int
    policy: str
    rules: Policy
    consent: str
    person: str

    @property
    def terms(self) -> tuple[str, str, str]:
        """An activity never spans a change of these."""
        return self.policy, self.consent, self.person


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Nothing may be admitted.

    Attributes:
        reason: label of the gap that counts what came all the same (columns.GAP_REASONS).
        ended: why an activity that was open ends (InputBatch.ended).
    """

    reason: str
    ended: str


Gate: TypeAlias = Permit | Closed
LEASE_OVER = Closed(reason="lease", ended="lease")
STOPPED = Closed(reason="stop", ended="stop")
UNSEEN = Closed(reason="indicator", ended="indicator")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpan:
    """A gate and since when it holds."""

    from_us: int
    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What one tick brought.

    Attributes:
        gate: what holds from now on.
        events: from the input source, in order of time, each exactly once.
        overflowed: events the source accepted and had to drop since the last tick.
        windows: the last poll, None where it failed: then nothing is known and nothing admitted.
        grab: a new look at the screen.
        blind: times a grab was due and could not say what was whose.
        flush: stop waiting for the hold-back: nothing more will come.
        unproved_us: since then nobody can tell whether the indicator was seen.
    """

    gate: Gate
    events: tuple[RawInput, ...] = ()
    overflowed: int = 0
    windows: WindowState | None = None
    grab: Grab | None = None
    blind: int = 0
    flush: bool = False
    unproved_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An event in the hold-back, with its Unix time; ``arrived_us`` is when we heard of it."""

    t_us: int
    event: RawInput
    arrived_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A labelled hole in the making."""

    reason: str
    from_us: int
    to_us: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Where one stream stands within the boot."""

    batches: int = 0
    segment: int = -1
    slot: int = -1
    bytes: int = 0
    is_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last shot whose time has been dealt with, sent or not, and what input had done then."""

    shot: Shot
    last_seq: int
    actions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The activity that is open.

    Attributes:
        number: within the boot.
        start_us: event time of what began it.
        second_us: start of the next second to be sealed.
        last_us: event time of the last input captured, admitted or refused: the idle gap's origin.
        permit: the terms it began under.
        prev_event_us: time of the last event admitted in it, 0 for none; ``prev_seq`` -1.
        prev_frame: number of the last frame in it, -1 for none; ``sent`` its picture.
        context: application and title last written in this input segment.
    """

    number: int
    start_us: int
    second_us: int
    last_us: int
    permit: Permit
    prev_event_us: int = 0
    prev_seq: int = -1
    prev_frame: int = -1
    sent: Picture | None = None
    context: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The account so far: captured = admitted + sum of dropped, once nothing is held."""

    captured: int = 0
    admitted: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The pipeline between two ticks; one a boot.

    Attributes:
        anchor_us: Unix time less the sources' clock.
        held, shots: what waits for the hold-back, in order of time.
        owed, owed_frames: holes that no batch has told of yet.
        latest: the newest shot, whose picture the next one may share.
        seen: the newest shot before the next second.
        sealed_us: start of the last second that was sealed.
    """

    anchor_us: int | None = None
    gates: tuple[GateSpan, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    held: tuple[Held, ...] = ()
    shots: tuple[Shot, ...] = ()
    owed: tuple[Missing, ...] = ()
    owed_frames: tuple[Missing, ...] = ()
    activity: Activity | None = None
    activities: int = 0
    next_seq: int = 0
    actions: int = 0
    frame_actions: int = 0
    next_frame: int = 0
    latest: Shot | None = None
    seen: Seen | None = None
    sealed_us: int = 0
    input_lane: Lane = field(default_factory=Lane)
    frame_lane: Lane = field(default_factory=Lane)
    counts: Counts = field(default_factory=Counts)
    hold_back_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch ready for its seal.

    Attributes:
        packed: the record as packed Avro, made once: its size decided where batches are cut.
        events: input events in it; ``dropped`` those its gaps count.
    """

    stream: Stream
    number: int
    segment: int
    permit: Permit
    record: InputBatch | FrameBatch
    packed: bytes
    events: int
    dropped: Counter[str]
