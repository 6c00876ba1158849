"""Moves are thinned by meaning: what stays, what is counted, and what it may cost."""

import time
from dataclasses import replace
from itertools import accumulate, groupby, pairwise
from math import cos, hypot, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_processors.core import activity
from overt_processors.core.thinning import moves
from overt_processors.core.thinning.rules import thin
from overt_schemas import columns
from overt_schemas.records import Gap, InputBatch
from tests.processors.thinned import (
    BUTTON_1,
    KEY_DOWN,
    MOVE,
    POLICY,
    PRESS,
    RELEASE,
    START_US,
    Event,
    batch_of,
    events_of,
    thinned_of,
)

OTHER_GAP = Gap(reason="policy", from_us=START_US, to_us=START_US + 5, count=3)
STEPS = st.sampled_from([0, 1000, 8000, 8000, 8000, 99_999, 100_000, 250_000])
NEAR = st.integers(-3, 3)
STATES = st.sampled_from([0, 0, BUTTON_1, BUTTON_1, BUTTON_1 | 4])


@st.composite
def seconds(draw: st.DrawFn) -> list[Event]:
    """Hovers, drags, rests and actions in any mixture; times rise."""
    runs = draw(
        st.lists(st.tuples(STATES, st.lists(st.tuples(STEPS, NEAR, NEAR), max_size=40)), max_size=5)
    )
    events: list[Event] = []
    at = x = y = 0
    for state, steps in runs:
        for step, dx, dy in steps:
            at, x, y = at + step, x + dx, y + dy
            events.append((MOVE, at, x, y, state))
        kind = draw(st.sampled_from([None, PRESS, RELEASE, KEY_DOWN]))
        if kind is not None:
            events.append((kind, at, x, y, state))
    return [event for event in events if event[1] <= 9_000_000]


def line(count: int, state: int = 0, step_us: int = 8000, from_us: int = 0) -> list[Event]:
    return [(MOVE, from_us + at * step_us, 3 * at, 2 * at, state) for at in range(count)]


def test_of_a_hover_its_ends_stay_and_the_rest_is_counted() -> None:
    out = moves.thin(batch_of(line(10)), 1)

    assert list(events_of(out)) == [0, 9]
    (gap,) = out.gaps
    assert gap == Gap(
        reason="thinned_hover", from_us=START_US + 8000, to_us=START_US + 64_000, count=8
    )


def test_the_last_move_before_every_action_and_the_first_after_it_stay() -> None:
    events = [*line(5), (PRESS, 40_000, 12, 8, 0), (RELEASE, 41_000, 12, 8, BUTTON_1)]
    events += [*line(5, from_us=50_000), (KEY_DOWN, 90_000, 0, 0, 0), *line(5, from_us=95_000)]

    out = moves.thin(batch_of(events), 1)

    assert list(events_of(out)) == [0, 4, 5, 6, 7, 11, 12, 13, 17]


def test_both_sides_of_a_rest_stay_and_a_shorter_pause_is_none() -> None:
    rested = line(4) + line(4, from_us=24_000 + moves.REST_US)
    paused = line(4) + line(4, from_us=24_000 + moves.REST_US - 1)

    assert list(events_of(moves.thin(batch_of(rested), 1))) == [0, 3, 4, 7]
    assert list(events_of(moves.thin(batch_of(paused), 1))) == [0, 7]


def test_of_a_drag_the_corners_stay() -> None:
    there = [(MOVE, at * 8000, 2 * at, 0, BUTTON_1) for at in range(20)]
    down = [(MOVE, 160_000 + at * 8000, 38, 2 * at + 2, BUTTON_1) for at in range(20)]

    out = moves.thin(batch_of(there + down), 1)

    assert list(events_of(out)) == [0, 19, 39]
    assert thinned_of(out.gaps) == {"thinned_drag": 37}


def test_a_drag_that_goes_beyond_and_comes_back_keeps_its_far_end() -> None:
    xs = [*range(0, 60, 3), *range(60, 20, -3)]
    events = [(MOVE, at * 8000, x, 0, BUTTON_1) for at, x in enumerate(xs)]

    out = moves.thin(batch_of(events), 1)

    assert 60 in {x for _, _, x, _, _ in events_of(out).values()}


def test_a_modifier_or_a_button_between_two_moves_ends_a_run() -> None:
    events = line(3) + line(3, state=4, from_us=24_000) + line(3, state=BUTTON_1, from_us=48_000)

    out = moves.thin(batch_of(events), 1)

    assert list(events_of(out)) == [0, 2, 3, 5, 6, 8]


@pytest.mark.parametrize("events", [[], line(1), line(2), [*line(2), (KEY_DOWN, 20_000, 0, 0, 0)]])
def test_where_all_stays_the_batch_is_the_same_object(events: list[Event]) -> None:
    batch = batch_of(events)

    assert moves.thin(batch, 1) is batch


def test_a_policy_without_tolerance_thins_nothing() -> None:
    batch = batch_of(line(10))

    assert moves.thin(batch, 0) is batch


def test_a_batch_with_violations_stays_whole() -> None:
    batch = batch_of(line(10))
    odd = replace(activity.read(batch), flags=("event_order",))

    assert thin(batch, odd, POLICY) is batch
    assert thin(batch, activity.read(batch), POLICY) is not batch


def test_a_batch_larger_than_an_endpoint_makes_stays_whole() -> None:
    batch = batch_of(line(moves.EVENTS_LIMIT + 1, step_us=100))

    assert moves.thin(batch, 1) is batch


def test_a_device_that_says_it_thinned_is_marked() -> None:
    gap = Gap(reason="thinned_hover", from_us=START_US, to_us=START_US, count=7)

    assert activity.read(batch_of(line(2), gaps=(gap,))).flags == ("gap",)


def check(before: InputBatch, after: InputBatch, tolerance: int) -> None:
    """Hold a thinned batch to all that is promised of it."""
    was, now = events_of(before), events_of(after)
    gone = {seq: event for seq, event in was.items() if seq not in now}
    assert {seq: was[seq] for seq in now} == now
    assert all(kind == MOVE for kind, *_ in gone.values())
    counts = thinned_of(after.gaps)
    drags = {seq for seq, event in gone.items() if event[4] & 0x1F00}
    assert counts.get("thinned_drag", 0) == len(drags)
    assert counts.get("thinned_hover", 0) == len(gone) - len(drags)
    assert after.gaps[: len(before.gaps)] == before.gaps
    for gap in after.gaps[len(before.gaps) :]:
        times = [
            START_US + e[1] for s, e in gone.items() if (s in drags) == (gap.reason[-4:] == "drag")
        ]
        assert (gap.from_us, gap.to_us) == (min(times), max(times))
    kept = sorted(now)
    for seq in drags:
        left, right = max(s for s in kept if s < seq), min(s for s in kept if s > seq)
        assert away(was[seq], was[left], was[right]) <= tolerance + 1e-9
    for one, other in pairwise(was):
        if was[other][0] != MOVE and was[one][0] == MOVE:
            assert one in now
    assert not was or max(was) in now


def away(point: Event, begin: Event, end: Event) -> float:
    dx, dy = end[2] - begin[2], end[3] - begin[3]
    px, py = point[2] - begin[2], point[3] - begin[3]
    length = dx * dx + dy * dy
    share = min(max((px * dx + py * dy) / length, 0), 1) if length else 0
    return hypot(px - share * dx, py - share * dy)


@settings(deadline=None, max_examples=300)
@given(seconds(), st.integers(1, 4), st.integers(0, 1 << 40))
def test_nothing_is_lost_without_a_count_and_no_path_leaves_its_tolerance(
    events: list[Event], tolerance: int, first_seq: int
) -> None:
    batch = batch_of(events, first_seq, gaps=(OTHER_GAP,))

    out = moves.thin(batch, tolerance)

    check(batch, out, tolerance)
    assert len(out.kind) + sum(thinned_of(out.gaps).values()) == len(batch.kind)
    same = ("first_seq", "prev_seq", "prev_event_us", "frame_actions", "contexts", "start_us")
    assert all(getattr(out, name) == getattr(batch, name) for name in same)


@settings(deadline=None, max_examples=300)
@given(seconds(), st.integers(1, 4))
def test_what_was_thinned_once_is_not_thinned_further(events: list[Event], tolerance: int) -> None:
    once = moves.thin(batch_of(events), tolerance)

    assert moves.thin(once, tolerance) is once


def test_a_straight_leg_whose_middle_is_gone_is_no_rest() -> None:
    """Split there, the second pass would measure the corner from other points and let it go."""
    legs = [(3, -3, 14), (-2, 3, 2), (-3, 3, 3), (1, -2, 14)]
    steps = [(dx, dy) for dx, dy, count in legs for _ in range(count)]
    points = accumulate(steps, lambda at, step: (at[0] + step[0], at[1] + step[1]))
    events = [(MOVE, at * 8000, x, y, BUTTON_1) for at, (x, y) in enumerate(points)]

    once = moves.thin(batch_of(events), 1)

    assert max(b[1] - a[1] for a, b in pairwise(events_of(once).values())) >= moves.REST_US
    assert moves.thin(once, 1) is once


@settings(deadline=None, max_examples=100)
@given(seconds(), st.lists(st.integers(1, 30), max_size=8))
def test_however_a_stream_is_cut_the_account_is_exact_and_no_action_is_gone(
    events: list[Event], cuts: list[int]
) -> None:
    stops = [*accumulate(cuts), len(events)]
    shares = [events[start:stop] for start, stop in pairwise((0, *stops)) if events[start:stop]]
    starts = [*accumulate(map(len, shares), initial=0)]

    outs = [
        moves.thin(batch_of(share, seq), 1)
        for share, seq in zip(shares, starts[: len(shares)], strict=True)
    ]

    found: dict[int, Event] = {}
    for share, seq, out in zip(shares, starts[: len(shares)], outs, strict=True):
        check(batch_of(share, seq), out, 1)
        found |= events_of(out)
    actions = {at: event for at, event in enumerate(events) if event[0] != MOVE}
    assert {at: event for at, event in found.items() if event[0] != MOVE} == actions
    total = sum(sum(thinned_of(out.gaps).values()) for out in outs)
    assert len(found) + total == len(events)


def hostile(shape: str) -> list[Event]:
    count = moves.EVENTS_LIMIT
    match shape:
        case "spiral":
            points = [(int(at * cos(at)), int(at * sin(at))) for at in range(count)]
        case "comb":
            points = [((-1) ** at * at * 7, at % 3) for at in range(count)]
        case "staircase":
            points = [(at, (at * at) // 4000) for at in range(count)]
        case _:
            rng = np.random.default_rng(1)
            points = [tuple(p) for p in rng.integers(-32768, 32768, (count, 2)).tolist()]
    return [(MOVE, at * 200, x, y, BUTTON_1) for at, (x, y) in enumerate(points)]


@pytest.mark.parametrize("shape", ["spiral", "comb", "staircase", "noise"])
def test_a_path_made_to_be_costly_takes_no_longer_than_its_length(shape: str) -> None:
    batch = batch_of(hostile(shape))
    began = time.process_time()

    out = moves.thin(batch, 1)

    # 4 ms here; a split a point, as it would be without a bound of levels, takes over 100.
    assert time.process_time() - began < 0.06
    assert moves.thin(out, 1) is out
    check_fast(batch, out)


def check_fast(before: InputBatch, after: InputBatch) -> None:
    """Hold the path of one long drag to its tolerance, without looking at all pairs."""
    was, kept = events_of(before), sorted(events_of(after))
    for left, right in pairwise(kept):
        assert all(away(was[at], was[left], was[right]) <= 1 + 1e-9 for at in range(left, right))


def test_kinds_of_gaps_are_those_a_reader_knows() -> None:
    out = moves.thin(batch_of(line(5) + line(5, BUTTON_1, from_us=40_000)), 1)

    reasons = [reason for reason, _ in groupby(gap.reason for gap in out.gaps)]
    assert reasons == ["thinned_hover", "thinned_drag"]
    assert set(reasons) < columns.THINNED
