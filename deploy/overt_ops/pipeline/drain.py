"""Waiting until nothing is left, and restarting stage by stage. SHELL around ``standing``."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from overt_ops.pipeline.stages import Members, Stage
from overt_ops.pipeline.standing import Seen, Spot, lag
from overt_schemas.errors import Transient

_LOOK_S = 0.5


class Asks(Protocol):
    """What is needed of ``look.Look``."""

    def seen(self, stages: Sequence[Stage]) -> dict[Spot, Seen]:
        """Return how the partitions stand now."""
        ...

    def members(self, stage: Stage) -> Members:
        """Return who is in a stage's group."""
        ...


class Clock(Protocol):
    """Elapsed time; the twin in tests does not wait."""

    def monotonic(self) -> float:
        """Return seconds."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Let time pass."""
        ...


def drain(
    asks: Asks, stages: Sequence[Stage], timeout_s: float, told: Callable[[int, int], object],
    clock: Clock = time,
) -> int:  # fmt: skip
    """Return how many records were committed until none was left; new ones count as well.

    ``told`` hears how many are left, and the most there were.

    Raises:
        Transient: some are left after so long (``timed_out``); the message names where.
    """
    deadline_s, most, first = clock.monotonic() + timeout_s, 0, None
    while True:
        seen = asks.seen(stages)
        done = sum(s.committed or 0 for s in seen.values())
        first = done if first is None else first
        left = lag(seen)
        most = max(most, left)
        told(left, most)
        if left == 0:
            return done - first
        if clock.monotonic() >= deadline_s:
            raise Transient(_late(asks, stages, seen, timeout_s), reason="timed_out")
        clock.sleep(_LOOK_S)


def _late(asks: Asks, stages: Sequence[Stage], seen: dict[Spot, Seen], timeout_s: float) -> str:
    where = [f"{stage} {p} ({s.lag})" for (stage, p), s in seen.items() if s.lag]
    message = f"not drained after {timeout_s:.0f} s, left: {', '.join(where)}"
    idle = [s.name for s in stages if lag(seen, [s.name]) and not asks.members(s).count]
    if idle:
        return f"{message}; nobody runs {', '.join(idle)}: start it, or leave it out by --stage"
    return f"{message}; `stream-ops pipeline lag --stall-after 10s` tells whether they move"


def settled(asks: Asks, stage: Stage, timeout_s: float, clock: Clock = time) -> None:
    """Return once the stage's group is stable, all partitions are held, and it moves.

    Moving is: nothing is left, or something more was committed in every partition with lag.

    Raises:
        Transient: not within so long (``timed_out``).
    """
    deadline_s = clock.monotonic() + timeout_s
    first = asks.seen([stage])
    waiting = {spot for spot, s in first.items() if s.lag}
    while True:
        members = asks.members(stage)
        now = asks.seen([stage])
        waiting = {
            spot for spot in waiting
            if now[spot].lag and (now[spot].committed or 0) <= (first[spot].committed or 0)
        }  # fmt: skip
        if members.holds(stage) and not waiting:
            return
        if clock.monotonic() >= deadline_s:
            stands = ", ".join(str(p) for _, p in sorted(waiting))
            why = f"partitions {stands} do not move" if waiting else f"its group is {members.state}"
            raise Transient(
                f"{stage.name} is not back after {timeout_s:.0f} s, {why}: "
                "the stages behind it were not touched",
                reason="timed_out",
            )
        clock.sleep(_LOOK_S)
