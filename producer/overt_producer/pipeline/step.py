"""The pipeline: admit, hold back, stamp, cut into batches. Pure; ``step`` is one tick of ten.

What comes in is kept until ``hold_back_ms`` of event time have passed, because what it belonged to
(the window, later a secret field) may become known a moment after it happened. Then whole seconds
leave in order. No event is lost or invented: captured = admitted + counted by reason.
"""

from dataclasses import replace

from overt_producer.frames.encode import look
from overt_producer.pipeline import gates as gate
from overt_producer.pipeline.activity import begin, due
from overt_producer.pipeline.seconds import seal
from overt_producer.pipeline.values import (
    STOPPED,
    Batch,
    Closed,
    Held,
    Inputs,
    Missing,
    Now,
    Permit,
    Seen,
    State,
)

HOLD_BACK_LIMIT_MS = 3500  # architecture.md: nobody waits longer, whatever a policy says
_NEVER = 1 << 62


def step(state: State, inputs: Inputs, now: Now) -> tuple[State, tuple[Batch, ...]]:
    """Return the state after one tick and the batches that became due, in order."""
    state = _observed(state, inputs, now)
    horizon = _NEVER if inputs.flush else now.wall_us - state.hold_back_us
    out: list[Batch] = []
    while True:
        if state.activity is None:
            state = begin(state, horizon)
        if state.activity is None:
            break
        second = due(state, state.activity, horizon)
        if second is None:
            break
        state, batches = seal(state, state.activity, second)
        out += batches
    return _forgotten(state, horizon), tuple(out)


def purge(state: State, unheard: int = 0) -> State:
    """Return the state after an opt-out: what waited is gone, its number is all that is left.

    Args:
        state: as it was.
        unheard: events captured and not given to ``step`` yet.
    """
    dropped = state.counts.dropped.copy()
    dropped["opt_out"] += len(state.held) + unheard
    captured = state.counts.captured + unheard
    return replace(
        state, held=(), shots=(), owed=(), owed_frames=(), latest=None, seen=None, activity=None,
        counts=replace(state.counts, captured=captured, dropped=+dropped),
    )  # fmt: skip


def _observed(state: State, inputs: Inputs, now: Now) -> State:
    is_quiet = not (state.held or state.shots or state.activity)
    anchor = state.anchor_us
    if anchor is None or is_quiet:
        anchor = now.wall_us - now.mono_us
    new_gate = STOPPED if inputs.flush and isinstance(inputs.gate, Permit) else inputs.gate
    hold_back_us = state.hold_back_us
    if isinstance(new_gate, Permit):
        hold_back_us = 1000 * min(new_gate.rules.hold_back_ms, HOLD_BACK_LIMIT_MS)
    came = [
        Held(t_us=event.t_ms * 1000 + anchor, event=event, arrived_us=now.wall_us)
        for event in inputs.events
    ]
    held = tuple(sorted((*state.held, *came), key=lambda h: h.t_us)) if came else state.held
    state = replace(
        state, anchor_us=anchor, hold_back_us=hold_back_us, held=held,
        gates=gate.observed(
            gate.doubted(state.gates, inputs.unproved_us), new_gate, now.wall_us
        ),
        timeline=state.timeline.observed(inputs.windows) if inputs.windows else state.timeline,
        counts=replace(state.counts, captured=state.counts.captured + len(came)),
    )  # fmt: skip
    state = _overflowed(state, inputs.overflowed, now)
    if inputs.blind:
        hole = _hole("masked", inputs.blind, now)
        state = replace(state, owed_frames=(*state.owed_frames, hole))
    if inputs.grab is not None:
        shot = look(inputs.grab, anchor, state.latest)
        state = replace(state, shots=(*state.shots, shot), latest=shot)
    return state


def _overflowed(state: State, count: int, now: Now) -> State:
    if not count:
        return state
    dropped = state.counts.dropped.copy()
    dropped["overflow"] += count
    counts = replace(state.counts, captured=state.counts.captured + count, dropped=dropped)
    return replace(state, counts=counts, owed=(*state.owed, _hole("overflow", count, now)))


def _hole(reason: str, count: int, now: Now) -> Missing:
    return Missing(reason=reason, from_us=now.wall_us, to_us=now.wall_us, count=count)


def _forgotten(state: State, horizon_us: int) -> State:
    """Between activities keep the one newest picture, and none at all while the gate is shut."""
    if state.activity is not None:
        return state
    if not state.held and isinstance(state.gates[-1].gate, Closed):
        return replace(state, shots=(), latest=None, seen=None, owed_frames=())
    past = [shot for shot in state.shots if shot.t_us < horizon_us]
    if not past:
        return state
    seen = Seen(shot=past[-1], last_seq=state.next_seq - 1, actions=state.actions)
    return replace(state, shots=state.shots[len(past) :], seen=seen, owed_frames=())
