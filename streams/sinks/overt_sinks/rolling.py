"""When to cut which partition's records into an object. Pure.

The desk holds what was taken and is not yet stored. A partition is cut when its oldest record has
waited ``age``, or when its bytes or records fill an object; when all together fill the budget, the
largest is cut and every partition is paused, so a slow store shows as lag and not as memory. A
partition has at most one object on its way; its records stay on the desk until that is done, since
another worker's object may turn out to cover fewer or more of them.

A new schema starts a new object: where parts, or marks, come by another schema than the object's
others, it ends before them. That depends on the records alone, so every worker ends it there or
earlier, and the name of the next still follows from the chain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from overt_sinks.taken import Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When an object is cut; ``writers`` objects may be on their way at once."""

    age_ns: int = 1_500_000_000
    object_bytes: int = 8 * 1_048_576
    object_records: int = 16_384
    budget_bytes: int = 64 * 1_048_576
    writers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One partition: records in offset order, none below ``next``.

    Attributes:
        next: where the next object begins.
        taken: the offset behind the last record taken.
        writing: records of the object on its way; they are the first of ``records``.
    """

    next: int
    taken: int
    records: tuple[Taken, ...] = ()
    size: int = 0
    writing: int = 0


# What happened.
@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """These partitions are ours, each from an offset on."""

    starts: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """These partitions are another's; what we hold of them is dropped."""

    partitions: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """Records by partition, in order."""

    records: Mapping[int, Sequence[Taken]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object stands that covers everything up to ``last``."""

    partition: int
    last: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Cut everything, whatever its age; more may follow and is cut as well."""


Input = Assigned | Revoked | Polled | Stored | Tick | Stop


# What to do.
@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Make the object [first, last] of these records."""

    partition: int
    first: int
    last: int
    records: tuple[Taken, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Commit this offset: everything below it stands in objects and in the index."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Fetch nothing more of any partition."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Fetch again."""


Output = Write | Commit | Pause | Resume


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything taken and not yet stored."""

    limits: Limits
    lanes: Mapping[int, Lane] = field(default_factory=dict)
    paused: bool = False
    stopping: bool = False

    @property
    def size(self) -> int:
        """Bytes on the desk."""
        return sum(lane.size for lane in self.lanes.values())

    @property
    def is_clear(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return not any(lane.records or lane.writing for lane in self.lanes.values())


def step(desk: Desk, event: Input, now: int) -> tuple[Desk, list[Output]]:
    """Return the desk after an event, and what to do, in order."""
    lanes, outputs = dict(desk.lanes), list[Output]()
    match event:
        case Assigned(starts=starts):
            lanes |= {p: Lane(next=at, taken=at) for p, at in starts.items()}
            outputs += [Pause()] if desk.paused else []
        case Revoked(partitions=gone):
            lanes = {p: lane for p, lane in lanes.items() if p not in gone}
        case Polled(records=records):
            lanes |= {p: _take(lanes[p], new) for p, new in records.items() if p in lanes}
        case Stored(partition=partition, last=last):
            if partition in lanes:
                lanes[partition] = _settle(lanes[partition], last)
                outputs.append(Commit(partition=partition, offset=last + 1))
        case Tick():
            pass
        case Stop():
            desk = replace(desk, stopping=True)
        case _:
            assert_never(event)
    desk = replace(desk, lanes=lanes)
    desk, writes = _cut(desk, now)
    desk, flow = _flow(desk)
    return desk, [*outputs, *writes, *flow]


def hole(desk: Desk, records: Mapping[int, Sequence[Taken]]) -> int | None:
    """Return a partition of which records are missing before these, or None.

    The topic has no transactions and is never compacted, so its offsets have no gaps. Records that
    come out of their turn (fetched before a rebalance, handed out behind it) would make an object
    whose range covers what was never read.
    """
    for partition, new in records.items():
        expected = desk.lanes[partition].taken if partition in desk.lanes else None
        for record in new:
            if expected is not None and record.offset > expected:
                return partition
            expected = None if expected is None else max(expected, record.offset + 1)
    return None


def wait_ns(desk: Desk, now: int) -> int:
    """Return how long nothing will be due by age alone; at most one age."""
    waiting = [lane.records[0].arrived_ns for lane in desk.lanes.values() if _idle(lane)]
    due = min(waiting, default=now) + desk.limits.age_ns
    return max(0, due - now)


def _take(lane: Lane, records: Sequence[Taken]) -> Lane:
    # After a seek or an adoption Kafka hands out records that already stand in an object.
    fresh: list[Taken] = []
    taken = lane.taken
    for record in records:
        if record.offset >= taken:
            fresh.append(record)
            taken = record.offset + 1
    size = lane.size + sum(record.size for record in fresh)
    return replace(lane, records=(*lane.records, *fresh), size=size, taken=taken)


def _settle(lane: Lane, last: int) -> Lane:
    rest = tuple(record for record in lane.records if record.offset > last)
    return Lane(
        next=last + 1,
        taken=max(lane.taken, last + 1),
        records=rest,
        size=sum(record.size for record in rest),
    )


def _idle(lane: Lane) -> bool:
    return bool(lane.records) and not lane.writing


def _cut(desk: Desk, now: int) -> tuple[Desk, list[Output]]:
    limits, lanes = desk.limits, dict(desk.lanes)
    free = limits.writers - sum(1 for lane in lanes.values() if lane.writing)
    idle = sorted((p for p in lanes if _idle(lanes[p])), key=lambda p: (-lanes[p].size, p))
    is_full = desk.size >= limits.budget_bytes
    writes: list[Output] = []
    for partition in idle:
        lane = lanes[partition]
        # The budget's overflow is taken from the largest, which come first.
        if len(writes) < free and (is_full or desk.stopping or _is_due(lane, limits, now)):
            records = _first_object(lane.records, limits)
            last = records[-1].offset
            writes.append(Write(partition=partition, first=lane.next, last=last, records=records))
            lanes[partition] = replace(lane, writing=len(records))
    return replace(desk, lanes=lanes), writes


def _is_due(lane: Lane, limits: Limits, now: int) -> bool:
    return (
        now - lane.records[0].arrived_ns >= limits.age_ns
        or lane.size >= limits.object_bytes
        or len(lane.records) >= limits.object_records
    )


def _first_object(records: tuple[Taken, ...], limits: Limits) -> tuple[Taken, ...]:
    size = count = 0
    schemas = dict[bool, int]()
    for record in records[: limits.object_records]:
        size += record.size
        if count and size > limits.object_bytes:
            break
        if record.schema is not None:
            is_part, schema = record.schema
            if schemas.setdefault(is_part, schema) != schema:
                break
        count += 1
    return records[:count]


def _flow(desk: Desk) -> tuple[Desk, list[Output]]:
    size, budget = desk.size, desk.limits.budget_bytes
    if not desk.paused and size >= budget:
        return replace(desk, paused=True), [Pause()]
    if desk.paused and size <= budget // 2:  # hysteresis: each resume refetches
        return replace(desk, paused=False), [Resume()]
    return desk, []
