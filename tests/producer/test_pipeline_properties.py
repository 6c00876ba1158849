"""Whatever happens, in whatever order it is heard of: nothing lost or invented, all in order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from overt_producer.pipeline import Batch, Closed, Gate, Permit
from overt_schemas import columns
from overt_schemas.ids import Stream
from overt_schemas.records import FrameBatch, InputBatch
from tests.producer.days import EDITOR, OTHER, PAUSE, PERMIT, ZERO_US, Day, key

SEGMENT_US = PERMIT.rules.segment_s * 1_000_000
OTHER_TERMS = Permit(
    beacon=9, until_us=1 << 60, policy="policy-2", rules=PERMIT.rules, consent="c-2", person="p-1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What one tick brings: events of the last moments, some of them long ago."""

    pause_ms: int
    ages_ms: tuple[int, ...]
    is_editor: bool
    gate: Gate
    shade: int | None


ticks = st.builds(
    Tick,
    pause_ms=st.sampled_from([100, 100, 100, 300, 1200, 7000]),
    ages_ms=st.lists(
        st.one_of(st.integers(0, 99), st.integers(0, 99), st.integers(0, 2500)), max_size=6
    ).map(tuple),
    is_editor=st.sampled_from([True, True, True, False]),
    gate=st.sampled_from([PERMIT, PERMIT, PERMIT, PERMIT, OTHER_TERMS, PAUSE]),
    shade=st.sampled_from([None, None, 1, 2, 3]),
)


def lived(plan: Sequence[Tick]) -> tuple[Day, dict[int, int]]:
    """Return the day and the time of each event by its code."""
    day, t_ms, times = Day(), 10_000, dict[int, int]()
    for tick in plan:
        t_ms += tick.pause_ms
        day.gate = tick.gate
        day.turn_to(EDITOR if tick.is_editor else OTHER, t_ms)
        events = [key(max(t_ms - age, 0), len(times) + i) for i, age in enumerate(tick.ages_ms)]
        times |= {event.code: event.t_ms for event in events}
        day.tick(t_ms, *sorted(events, key=lambda e: e.t_ms), shade=tick.shade)
    day.gate = Closed(reason="stop", ended="stop")
    day.tick(t_ms + 100)
    day.stop(t_ms + 200)
    return day, times


def events_of(batch: InputBatch) -> list[tuple[int, int, int]]:
    """Return (seq, code, Unix time) of each event."""
    view, seqs = columns.read(batch), columns.seqs(batch)
    return [
        (int(seq), int(code), batch.start_us + int(dt))
        for seq, code, dt in zip(seqs, view.code, view.dt, strict=True)
    ]


@settings(max_examples=80, deadline=None)
@given(st.lists(ticks, min_size=1, max_size=30))
def test_captured_is_admitted_plus_gaps_and_every_event_is_a_real_one(plan: list[Tick]) -> None:
    day, times = lived(plan)

    events = [event for batch in day.inputs for event in events_of(batch)]
    gaps = sum(gap.count for batch in day.inputs for gap in batch.gaps)
    owed = sum(hole.count for hole in day.state.owed)
    counts = day.state.counts
    assert counts.captured == len(times) == counts.admitted + counts.dropped.total()
    assert counts.captured == len(events) + gaps + owed
    assert [seq for seq, _, _ in events] == list(range(len(events)))
    assert max(Counter(code for _, code, _ in events).values(), default=1) == 1
    assert all(at == ZERO_US + times[code] * 1000 for _, code, at in events)
    assert {g.reason for b in day.inputs for g in b.gaps} <= columns.GAP_REASONS
    assert not day.state.held


@settings(max_examples=50, deadline=None)
@given(st.lists(ticks, min_size=1, max_size=30))
def test_batches_are_numbered_without_gaps_and_say_what_went_before(plan: list[Tick]) -> None:
    day, _ = lived(plan)

    for stream in Stream:
        own = [b for b in day.batches if b.stream is stream]
        assert [b.number for b in own] == list(range(len(own)))
        for _, group in groupby(own, key=lambda b: b.record.activity):
            activity = list(group)
            assert [b.record.first for b in activity] == [True] + [False] * (len(activity) - 1)
            assert [b.record.final for b in activity] == [False] * (len(activity) - 1) + [True]
            assert all(bool(b.record.ended) == b.record.final for b in activity)
            assert len({b.permit.terms for b in activity}) == 1
    for _, share in groupby(day.inputs, key=lambda b: b.activity):
        prev_seq, prev_us, before = -1, 0, None
        for batch in share:
            assert (batch.prev_seq, batch.prev_event_us) == (prev_seq, prev_us)
            second = batch.start_us // 1_000_000
            assert before is None or second == before + 1
            before = second
            if events := events_of(batch):
                prev_seq, _, prev_us = events[-1]
    assert [b.activity for b in day.inputs] == [b.activity for b in day.frames]


@settings(max_examples=50, deadline=None)
@given(st.lists(ticks, min_size=1, max_size=30))
def test_no_segment_holds_two_activities_or_crosses_its_cut(plan: list[Tick]) -> None:
    day, _ = lived(plan)

    for stream in Stream:
        own = [b for b in day.batches if b.stream is stream]
        for before, after in pairwise(own):
            assert after.segment - before.segment in (0, 1)
        for _, group in groupby(own, key=lambda b: b.segment):
            segment = list(group)
            assert len({b.record.activity for b in segment}) == 1
            if stream is Stream.INPUT:
                slots = {start_of(b) // SEGMENT_US for b in segment}
                assert len(slots) == 1
            else:
                frames = [f for b in segment if isinstance(b.record, FrameBatch)
                          for f in b.record.frames]  # fmt: skip
                assert all(f.key for f in frames[:1])
                assert all(one.hash != two.hash for one, two in pairwise(frames))


def start_of(batch: Batch) -> int:
    assert isinstance(batch.record, InputBatch)
    return batch.record.start_us


@settings(max_examples=50, deadline=None)
@given(st.lists(ticks, min_size=1, max_size=30))
def test_every_frame_says_how_many_actions_went_before_it(plan: list[Tick]) -> None:
    day, _ = lived(plan)

    admitted = sorted(event[2] for batch in day.inputs for event in events_of(batch))
    numbers = [f.number for b in day.frames for f in b.frames]
    assert numbers == list(range(len(numbers)))
    for batch in day.frames:
        for frame in batch.frames:
            assert frame.actions == frame.last_seq + 1
            before = sum(at < frame.t_us for at in admitted)
            assert frame.actions <= before
