"""When an activity begins, which second of it is due, and how it ends. Pure.

Everything is decided in event time. An activity begins with the first input captured under an open
gate and ends by the idle gap or by the gate; every second in between is a batch of each stream,
also when nothing happened, so that cadence tells nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from overt_producer.pipeline import gates as gate
from overt_producer.pipeline.admit import Refused, decide
from overt_producer.pipeline.values import (
    SECOND_US,
    Activity,
    Held,
    Missing,
    Permit,
    State,
)

IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A second that may be sealed: events of [start_us, until_us) and late ones belong to it."""

    start_us: int
    until_us: int
    ended: str

    @property
    def is_final(self) -> bool:
        """Whether the activity ends in it."""
        return bool(self.ended)


def begin(state: State, horizon_us: int) -> State:
    """Return the state with an activity open, if an event before the horizon begins one.

    What came while the gate was shut is refused and owed to the next batch there will be.
    """
    for index, held in enumerate(state.held):
        if held.t_us >= horizon_us:
            return replace(state, held=state.held[index:])
        verdict = decide(held, state.gates, state.timeline)
        if isinstance(verdict, Refused) and verdict.is_closed:
            state = owe(state, verdict)
            continue
        permit = gate.at(state.gates, held.t_us)
        assert isinstance(permit, Permit)  # noqa: S101 - an event that is not closed has a permit
        second = held.t_us - held.t_us % SECOND_US
        activity = Activity(
            number=state.activities, start_us=held.t_us, last_us=held.t_us, permit=permit,
            second_us=max(second, state.sealed_us),
        )  # fmt: skip
        return replace(
            state, held=state.held[index:], activity=activity, activities=state.activities + 1,
            input_lane=replace(state.input_lane, is_first=True),
            frame_lane=replace(state.frame_lane, is_first=True),
        )  # fmt: skip
    return replace(state, held=())


def owe(state: State, refused: Refused) -> State:
    """Return the state with a refusal counted and owed to a batch."""
    dropped = state.counts.dropped.copy()
    dropped[refused.reason] += 1
    hole = hole_of(refused)
    counts = replace(state.counts, dropped=dropped)
    return replace(state, counts=counts, owed=(*state.owed, hole))


def hole_of(refused: Refused) -> Missing:
    """Return what is left of a refused event."""
    t_us = refused.held.t_us
    return Missing(reason=refused.reason, from_us=t_us, to_us=t_us, count=1)


def due(state: State, activity: Activity, horizon_us: int) -> Due | None:
    """Return the next second of the open activity if everything in it has left the hold-back."""
    start = activity.second_us
    closing_us, why = gate.closing(state.gates, activity.permit, max(start, activity.start_us))
    idle_us = last_input(activity, state.held, start + SECOND_US) + _idle_gap_us(activity)
    end_us, ended = (idle_us, IDLE) if idle_us < closing_us else (closing_us, why)
    # An end on the boundary belongs to the second before it: no final batch is empty of time.
    if end_us <= start + SECOND_US:
        if horizon_us < end_us:
            return None
        return Due(start_us=start, until_us=end_us, ended=ended)
    if horizon_us < start + SECOND_US:
        return None
    return Due(start_us=start, until_us=start + SECOND_US, ended="")


def last_input(activity: Activity, held: Sequence[Held], until_us: int) -> int:
    """Return the time of the last input before ``until_us`` that goes on with the activity."""
    last = activity.last_us
    for one in held:
        if one.t_us >= until_us or one.t_us - last >= _idle_gap_us(activity):
            break
        last = max(last, one.t_us)
    return last


def _idle_gap_us(activity: Activity) -> int:
    return activity.permit.rules.idle_gap_s * SECOND_US
