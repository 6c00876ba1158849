"""What is to be replayed, as a file that survives whoever carries it out. Pure.

A group replays by being set back: from there it reads on as ever, through what it had committed and
beyond. So everything between the first offset and where the group stood is a repeat, and readers
drop it by the hash of the raw batch. Offsets are only ever set *back*: forward would pass over
records that nobody processed.

The file holds the plan and its step. A step is written down before it is done; doing it twice is
the same as once::

    planned -> stopping (the stage ends) -> altering (``until`` is final, offsets are set)
            -> starting (offsets were read back, the stage starts) -> running
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from overt_ops.pipeline.standing import Seen
from overt_schemas.errors import Permanent

PLANNED, STOPPING, ALTERING = "planned", "stopping", "altering"
STARTING, RUNNING = "starting", "running"
STEPS = (PLANNED, STOPPING, ALTERING, STARTING, RUNNING)
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One partition of a plan.

    Attributes:
        wanted: the offset that was asked for.
        first: where the group is set back to; later than ``wanted`` where retention took the rest.
        until: where the group stood; everything before it is a repeat.
        to: the end of what was asked for, at most ``until``.
    """

    partition: int
    wanted: int
    first: int
    until: int
    to: int

    @property
    def repeats(self) -> int:
        """Records that are processed once more."""
        return max(0, self.until - self.first)

    @property
    def expired(self) -> int:
        """Records asked for that are gone."""
        return max(0, self.first - self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A replay of one stage.

    Attributes:
        topic_id: the brokers' id of the topic; made anew, its offsets mean other records.
    """

    stage: str
    topic: str
    topic_id: str
    made_ms: int
    ranges: tuple[Range, ...]
    step: str = PLANNED

    @property
    def repeats(self) -> int:
        """Records that are processed once more, over all partitions."""
        return sum(r.repeats for r in self.ranges)

    def at(self, step: str) -> "Plan":
        """Return the plan at another step."""
        return replace(self, step=step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which stage, of which topic, as the brokers know it."""

    stage: str
    topic: str
    topic_id: str


def make(
    target: Target, seen: Mapping[int, Seen], wanted: Mapping[int, int], to: Mapping[int, int],
    now_ms: int,
) -> Plan:  # fmt: skip
    """Return a plan for the partitions in ``wanted``; those of ``to`` end there, else at the group.

    Raises:
        Permanent: a partition is unknown, has no committed offset, or there is nothing to replay.
    """
    ranges = []
    for partition, first in sorted(wanted.items()):
        if partition not in seen:
            raise Permanent(f"{target.topic} has no partition {partition}", reason="usage")
        now = seen[partition]
        if now.committed is None:
            raise Permanent(
                f"{target.stage} has no committed offset in partition {partition}: "
                "decide where it starts first (`overt-processors start-at`)",
                reason="no_offset",
            )
        begin = min(max(first, now.start), now.committed)
        end = min(to.get(partition, now.committed), now.committed)
        if end <= begin:
            continue
        ranges.append(
            Range(partition=partition, wanted=first, first=begin, until=now.committed, to=end)
        )
    if not ranges:
        raise Permanent(
            "nothing to replay there: the group has not got that far, or retention took it",
            reason="nothing",
        )
    return Plan(
        stage=target.stage, topic=target.topic, topic_id=target.topic_id, made_ms=now_ms,
        ranges=tuple(ranges),
    )  # fmt: skip


def settle(plan: Plan, seen: Mapping[int, Seen]) -> Plan:
    """Return the plan with the ends that hold now that the stage has stopped."""
    ranges = tuple(
        replace(
            r, first=max(r.first, seen[r.partition].start),
            until=max(r.until, seen[r.partition].committed or 0),
        )
        for r in plan.ranges
    )  # fmt: skip
    return replace(plan, ranges=ranges, step=ALTERING)


def moves(plan: Plan, seen: Mapping[int, Seen]) -> dict[int, int]:
    """Return the offsets to set: back only, and only where they are not set yet."""
    found = {}
    for r in plan.ranges:
        now = seen[r.partition]
        at = max(r.first, now.start)
        if now.committed is not None and at < now.committed:
            found[r.partition] = at
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a partition is: records done of those asked for, and of all that are repeats."""

    partition: int
    done: int
    of: int
    repeats_left: int


def progress(plan: Plan, seen: Mapping[int, Seen]) -> list[Progress]:
    """Return how far each partition is."""
    found = []
    for r in plan.ranges:
        committed = seen[r.partition].committed or 0
        if plan.step in (PLANNED, STOPPING):
            committed = r.first  # where the group stands says nothing yet
        found.append(
            Progress(
                partition=r.partition, done=min(max(0, committed - r.first), r.to - r.first),
                of=max(0, r.to - r.first), repeats_left=max(0, r.until - max(committed, r.first)),
            )
        )  # fmt: skip
    return found


def to_json(plan: Plan) -> str:
    """Return the file's text."""
    return json.dumps({"version": _VERSION, **dataclasses.asdict(plan)}, indent=1)


def from_json(text: str) -> Plan:
    """Return the plan in a file.

    Raises:
        Permanent: it is none of this version.
    """
    try:
        document: dict[str, Any] = json.loads(text)
        version, step = document.pop("version"), document["step"]
        ranges = tuple(Range(**row) for row in document.pop("ranges"))
        numbers = [n for r in ranges for n in dataclasses.astuple(r)]
        plan = Plan(**document, ranges=ranges)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _no_plan() from exc
    sound = bool(ranges) and all(type(n) is int and n >= 0 for n in numbers)
    if version != _VERSION or step not in STEPS or not sound:
        raise _no_plan()
    return plan


def _no_plan() -> Permanent:
    return Permanent(
        "that file is no plan of a replay: make one with `stream-ops replay plan`", reason="plan"
    )
