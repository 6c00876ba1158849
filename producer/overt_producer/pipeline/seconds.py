"""One second of an activity: verdicts, stamps, batches. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from overt_producer.frames.encode import Shot
from overt_producer.pipeline import batching
from overt_producer.pipeline import gates as gate
from overt_producer.pipeline.activity import IDLE, Due, hole_of, last_input
from overt_producer.pipeline.admit import Admitted, Refused, Verdict, decide
from overt_producer.pipeline.values import (
    SECOND_US,
    Activity,
    Batch,
    Held,
    Lane,
    Missing,
    Permit,
    Seen,
    State,
)
from overt_schemas import codec
from overt_schemas.ids import Stream
from overt_schemas.records import Context, FrameBatch, InputBatch

# A segment is opened with the picture before it only while that still says something.
STALE_US = 5 * SECOND_US


def seal(state: State, activity: Activity, due: Due) -> tuple[State, list[Batch]]:
    """Return the state after a second, and its batches: input first, so that frames know it."""
    taken, left = _taken(state, due)
    admitted, refused = _judged(state, activity, taken)
    shots = [shot for shot in state.shots if shot.t_us < due.until_us]
    bounds = batching.Bounds(
        activity=activity.number, is_first=state.input_lane.is_first, is_final=due.is_final,
        ended=due.ended,
    )  # fmt: skip
    permit = gate.at(state.gates, max(due.start_us, activity.start_us))
    permit = permit if isinstance(permit, Permit) else activity.permit
    cut = Cut(due=due, permit=permit, bounds=bounds)

    after, inputs = _input(state, activity, cut, admitted, [*state.owed, *map(hole_of, refused)])
    opened = after.activity or activity
    after, frames = _frames(after, opened, cut, admitted, shots, state)

    counts = state.counts
    dropped = counts.dropped + Counter(r.reason for r in refused)
    last_us = last_input(activity, state.held, due.until_us)
    going_on = replace(
        after.activity or activity, last_us=last_us, second_us=due.start_us + SECOND_US
    )
    after = replace(
        after, held=left, shots=state.shots[len(shots) :], sealed_us=due.start_us,
        owed=(), owed_frames=(), activity=None if due.is_final else going_on,
        counts=replace(counts, admitted=counts.admitted + len(admitted), dropped=dropped),
    )  # fmt: skip
    return after, [*inputs, *frames]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What the batches of both streams share in one second."""

    due: Due
    permit: Permit
    bounds: batching.Bounds


def _taken(state: State, due: Due) -> tuple[Sequence[Held], tuple[Held, ...]]:
    """Split what waits: before the second's end, and what came in after the gate had shut."""
    count = bisect_left(state.held, due.until_us, key=lambda h: h.t_us)
    if due.is_final and due.ended != IDLE:
        for held in state.held[count:]:
            verdict = decide(held, state.gates, state.timeline)
            if not (isinstance(verdict, Refused) and verdict.is_closed):
                break
            count += 1
    return state.held[:count], state.held[count:]


def _judged(
    state: State, activity: Activity, taken: Sequence[Held]
) -> tuple[list[Admitted], list[Refused]]:
    admitted: list[Admitted] = []
    refused: list[Refused] = []
    for held in taken:
        verdict: Verdict = decide(held, state.gates, state.timeline)
        if isinstance(verdict, Refused):
            refused.append(verdict)
            continue
        own = gate.at(state.gates, held.t_us)
        # Late from an activity that other terms covered: it may not be sealed under these.
        if isinstance(own, Permit) and own.terms == activity.permit.terms:
            admitted.append(verdict)
        else:
            refused.append(Refused(held=held, reason="stale"))
    return admitted, refused


def _input(
    state: State, activity: Activity, cut: Cut, admitted: list[Admitted], missing: list[Missing]
) -> tuple[State, list[Batch]]:
    lane, is_new = _segment(state.input_lane, cut)
    contexts, last = _contexts(("", "") if is_new else activity.context, admitted)
    carried = batching.Carried(
        next_seq=state.next_seq, prev_seq=activity.prev_seq,
        prev_event_us=activity.prev_event_us, frame_actions=state.frame_actions,
    )  # fmt: skip
    # The second may have begun before the activity did, and with it before there was a consent.
    start_us = max(cut.due.start_us, activity.start_us)
    records = batching.input_batches(start_us, cut.bounds, carried, admitted, contexts, missing)
    lane, batches = _numbered(lane, Stream.INPUT, cut.permit, records)
    after = replace(activity, context=last)
    next_seq = state.next_seq + len(admitted)
    if admitted:
        after = replace(after, prev_seq=next_seq - 1, prev_event_us=admitted[-1].held.t_us)
    actions = state.actions + sum(map(batching.is_action, admitted))
    state = replace(state, input_lane=lane, next_seq=next_seq, actions=actions, activity=after)
    return state, batches


def _contexts(
    last: tuple[str, str], admitted: list[Admitted]
) -> tuple[list[Context], tuple[str, str]]:
    out: list[Context] = []
    for one in admitted:
        if (one.app, one.title) != last:
            last = (one.app, one.title)
            out.append(Context(t_us=one.held.t_us, app=one.app, title=one.title))
    return out, last


def _frames(
    state: State, activity: Activity, cut: Cut, admitted: list[Admitted],
    shots: list[Shot], before: State,
) -> tuple[State, list[Batch]]:  # fmt: skip
    lane, is_new = _segment(state.frame_lane, cut)
    times = [a.held.t_us for a in admitted]
    running = [*accumulate(map(batching.is_action, admitted), initial=before.actions)]
    sent = None if is_new else activity.sent
    seen, number, frames = state.seen, state.next_frame, list[batching.Numbered]()
    candidates: list[Seen] = []
    if is_new and seen and cut.due.start_us - seen.shot.t_us <= STALE_US:
        candidates.append(seen)
    for shot in shots:
        index = bisect_left(times, shot.t_us)
        seen = Seen(shot=shot, last_seq=before.next_seq + index - 1, actions=running[index])
        candidates.append(seen)
    for one in candidates:
        if one.shot.picture == sent or not _is_covered(one.shot, state, activity):
            continue
        sent = one.shot.picture
        frames.append(
            batching.Numbered(
                number=number, last_seq=one.last_seq, actions=one.actions, shot=one.shot
            )
        )
        number += 1
    bounds = replace(cut.bounds, is_first=lane.is_first)
    records = batching.frame_batches(bounds, activity.prev_frame, frames, state.owed_frames)
    lane, batches = _numbered(lane, Stream.FRAME, cut.permit, records)
    after = replace(activity, sent=sent)
    frame_actions = state.frame_actions
    if frames:
        after = replace(after, prev_frame=number - 1)
        frame_actions = frames[-1].actions
    state = replace(
        state, frame_lane=lane, next_frame=number, seen=seen, frame_actions=frame_actions,
        activity=after,
    )  # fmt: skip
    return state, batches


def _is_covered(shot: Shot, state: State, activity: Activity) -> bool:
    """Return whether a picture was taken, from its first to its last moment, under these terms."""
    own = (gate.at(state.gates, shot.t_us), gate.at(state.gates, shot.until_us))
    return all(isinstance(g, Permit) and g.terms == activity.permit.terms for g in own)


def _segment(lane: Lane, cut: Cut) -> tuple[Lane, bool]:
    """Return the lane in the segment of this second, and whether that is a new one."""
    rules = cut.permit.rules
    slot = cut.due.start_us // (rules.segment_s * SECOND_US)
    if not lane.is_first and slot == lane.slot and lane.bytes < rules.segment_bytes:
        return lane, False
    return replace(lane, segment=lane.segment + 1, slot=slot, bytes=0), True


def _numbered(
    lane: Lane, stream: Stream, permit: Permit, records: Sequence[InputBatch | FrameBatch]
) -> tuple[Lane, list[Batch]]:
    out: list[Batch] = []
    for record in records:
        packed = codec.pack(record)
        is_input = isinstance(record, InputBatch)
        out.append(
            Batch(
                stream=stream, number=lane.batches + len(out), segment=lane.segment, permit=permit,
                record=record, packed=packed,
                events=len(record.kind) if isinstance(record, InputBatch) else 0,
                dropped=Counter({g.reason: g.count for g in record.gaps if is_input}),
            )
        )  # fmt: skip
    size = sum(len(b.packed) for b in out)
    lane = replace(lane, batches=lane.batches + len(out), bytes=lane.bytes + size, is_first=False)
    return lane, out
