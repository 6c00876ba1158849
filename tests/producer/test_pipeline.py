"""What becomes of events and pictures, one promise at a time."""

from dataclasses import replace

import numpy as np
import pytest

from overt_producer.pipeline import Permit, purge
from overt_producer.pipeline.batching import EVENTS_LIMIT, FRAME_BYTES_LIMIT
from overt_producer.sources.events import DisplayEpoch, Grab, InputKind, RawInput
from overt_schemas import columns
from overt_schemas.records import InputBatch
from tests.producer.days import EDITOR, OTHER, PAUSE, PERMIT, ZERO_US, Day, grab, key, now_at


def seconds_of(batches: list[InputBatch]) -> list[int]:
    return [(b.start_us - ZERO_US) // 1_000_000 for b in batches]


def codes(batch: InputBatch) -> list[int]:
    return [int(code) for code in columns.read(batch).code]


def test_every_second_of_an_activity_is_a_batch_of_each_stream_also_when_nothing_happens() -> None:
    day = Day()

    day.tick(1000)
    day.tick(1100, key(1050))
    day.until(4400, begin_ms=1200)

    assert seconds_of(day.inputs) == [1, 2, 3]
    assert len(day.frames) == 3
    assert [b.first for b in day.inputs] == [True, False, False]
    assert not any(b.final for b in day.inputs)


def test_the_first_batch_tells_of_no_time_before_its_activity() -> None:
    day = Day()

    day.tick(1000)
    day.tick(1700, key(1650), key(1690))
    day.until(4400, begin_ms=1800)

    # A consent given in the same second, 300 ms before, covers it.
    assert [b.start_us - ZERO_US for b in day.inputs[:2]] == [1_650_000, 2_000_000]


def test_an_idle_gap_ends_the_activity_and_the_next_input_begins_another() -> None:
    day = Day()

    day.tick(1000)
    day.tick(1100, key(1050))
    day.until(9000, begin_ms=1200)
    day.tick(9100, key(9090))
    day.until(10_400, begin_ms=9200)

    assert seconds_of(day.inputs) == [1, 2, 3, 4, 5, 6, 9]
    assert [b.activity for b in day.inputs] == [0] * 6 + [1]
    assert day.inputs[5].final
    assert day.inputs[5].ended == "idle"
    assert day.inputs[6].first
    assert day.inputs[6].prev_seq == -1


def test_nothing_is_batched_before_the_hold_back_is_over() -> None:
    day = Day()

    day.tick(1000)
    day.tick(1100, key(1050))
    day.until(2299, step_ms=50, begin_ms=1150)
    assert day.batches == []
    day.tick(2300)

    assert len(day.inputs) == 1


def test_input_of_another_application_is_a_count_and_nothing_else() -> None:
    day = Day(front=OTHER)

    day.tick(1000)
    day.tick(1100, key(1050), key(1060, kind=InputKind.KEY_UP))
    day.until(2400, begin_ms=1200)

    (batch,) = day.inputs
    assert batch.kind == b""
    assert batch.contexts == ()
    assert [(g.reason, g.count) for g in batch.gaps] == [("policy", 2)]
    assert batch.gaps[0].from_us == ZERO_US + 1_050_000


def test_a_key_between_two_windows_belongs_to_nobody() -> None:
    day = Day()
    day.tick(1000)
    day.turn_to(OTHER, 1100)
    day.turn_to(EDITOR, 1200)

    day.tick(1200, key(1150))
    day.until(2400, begin_ms=1300)

    assert [(g.reason, g.count) for g in day.inputs[0].gaps] == [("no_focus", 1)]


def test_without_a_look_at_the_windows_nothing_is_admitted() -> None:
    day = Day()

    for at in range(1000, 2500, 100):
        day.tick(at, *([key(1050)] if at == 1100 else []), windows=None)

    assert day.inputs[0].kind == b""
    assert day.state.counts.dropped == {"no_focus": 1}


def test_an_event_that_is_heard_late_keeps_its_time_in_the_next_batch() -> None:
    day = Day()

    day.tick(1000)
    day.tick(1100, key(1050, code=1))
    day.until(2500, begin_ms=1200)
    day.tick(2600, key(1900, code=2))
    day.until(3400, begin_ms=2700)

    first, second = day.inputs
    assert codes(first) == [1]
    assert codes(second) == [2]
    assert int(columns.read(second).dt[0]) == -100_000
    assert (second.first_seq, second.prev_seq) == (1, 0)
    assert second.prev_event_us == ZERO_US + 1_050_000


def test_a_pause_judges_by_the_time_of_the_event_not_of_its_arrival() -> None:
    day = Day()
    day.tick(1000)
    day.tick(1100, key(1050, code=1))
    day.gate = PAUSE

    day.tick(1300, key(1290, code=2), key(1310, code=3))
    day.until(2500, begin_ms=1400)

    (batch,) = day.inputs
    assert codes(batch) == [1, 2]
    assert batch.final
    assert batch.ended == "pause"
    assert [(g.reason, g.count) for g in batch.gaps] == [("pause", 1)]


def test_a_lease_that_runs_out_between_two_ticks_ends_the_activity_at_its_own_time() -> None:
    day = Day(gate=replace(PERMIT, until_us=ZERO_US + 1_250_000))
    day.tick(1000)

    day.tick(1200, key(1100, code=1))
    day.tick(1500, key(1240, code=2), key(1260, code=3))
    day.until(2400, begin_ms=1600)

    (batch,) = day.inputs
    assert codes(batch) == [1, 2]
    assert batch.ended == "lease"
    assert [(g.reason, g.count) for g in batch.gaps] == [("lease", 1)]


def test_a_batch_names_the_beacon_in_force_when_its_second_began() -> None:
    day = Day()
    day.tick(1000)
    day.tick(1100, key(1050))
    day.gate = replace(PERMIT, beacon=8)
    day.tick(1500)
    day.gate = replace(PERMIT, beacon=9)
    day.until(4400, begin_ms=2500)

    assert [b.permit.beacon for b in day.batches[::2]] == [7, 8, 9]
    assert len({b.record.activity for b in day.batches}) == 1


def test_another_policy_or_consent_ends_the_activity() -> None:
    day = Day()
    day.tick(1000)
    day.tick(1100, key(1050))
    day.gate = replace(PERMIT, policy="policy-2", consent="c-2")
    day.tick(1500, key(1490))
    day.tick(1600, key(1550))
    day.until(2400, begin_ms=1700)

    assert [(b.activity, b.ended) for b in day.inputs] == [(0, "policy"), (1, "")]
    assert [b.permit.consent for b in day.batches[::2]] == ["c-1", "c-2"]


def test_segments_are_cut_at_multiples_of_utc_seconds_and_each_opens_with_a_keyframe() -> None:
    day = Day()
    day.tick(1000, shade=1)
    day.tick(1100, key(1050))
    for at in range(1200, 7000, 200):
        day.tick(at, *([key(at - 50)] if at == 4000 else []), shade=1)

    inputs = [b for b in day.batches if isinstance(b.record, InputBatch)]
    assert [b.segment for b in inputs] == [0, 1, 1, 2, 2]
    assert [len(b.frames) for b in day.frames] == [1, 1, 0, 1, 0]
    assert all(f.key and f.monitors for b in day.frames for f in b.frames)


def test_a_picture_is_sent_only_when_it_changed_and_knows_the_actions_before_it() -> None:
    day = Day()
    day.tick(1000, shade=1)
    day.tick(1100, key(1050), shade=1)
    day.tick(1300, key(1250), shade=2)
    day.tick(1500, shade=2)
    day.until(2400, begin_ms=1600)

    (batch,) = day.frames
    assert [(f.number, f.actions, f.last_seq) for f in batch.frames] == [(0, 0, -1), (1, 2, 1)]
    assert batch.frames[0].t_us == ZERO_US + 1_000_000
    assert day.inputs[0].frame_actions == 0


def test_the_picture_before_the_first_input_opens_the_activity() -> None:
    day = Day()
    for at in range(1000, 8000, 500):
        day.tick(at, shade=3)

    day.tick(8100, key(8050), shade=4)
    day.until(9400, begin_ms=8200)

    first = day.frames[0].frames[0]
    assert (first.number, first.actions) == (0, 0)
    assert first.t_us == ZERO_US + 7_500_000


def test_a_second_with_too_many_events_becomes_several_batches_numbered_on() -> None:
    day = Day()
    day.tick(1000)
    count = EVENTS_LIMIT + 10
    day.tick(1900, *(key(1000 + i * 800 // count, code=i % 60_000) for i in range(count)))
    day.gate = PAUSE
    day.tick(2000)
    day.until(2400, begin_ms=2100)

    one, two = day.inputs
    assert (len(one.kind), len(two.kind)) == (EVENTS_LIMIT, 10)
    assert (one.first, one.final, two.first, two.final) == (True, False, False, True)
    assert (one.ended, two.ended) == ("", "pause")
    assert (two.first_seq, two.prev_seq) == (EVENTS_LIMIT, EVENTS_LIMIT - 1)
    assert [b.number for b in day.batches if isinstance(b.record, InputBatch)] == [0, 1]
    assert all(len(b.packed) <= 64 * 1024 for b in day.batches)


def test_a_large_picture_goes_as_numbered_chunks_that_join_to_the_same_pixels() -> None:
    day = Day()
    epoch = DisplayEpoch(number=1, width=800, height=800, monitors=())
    noise = np.random.default_rng(1).integers(0, 256, (800, 800, 4), np.uint8)
    noise[:, :, 3] = 255
    large = Grab(pixels=noise, before_us=1_000_000, after_us=1_001_000, epoch=epoch)

    day.tick(1000, grab=large)
    day.tick(1100, key(1050))
    day.until(2400, begin_ms=1200)

    pieces = [f for b in day.frames for f in b.frames]
    assert len(pieces) >= 3
    assert [f.chunk for f in pieces] == list(range(len(pieces)))
    assert {f.chunks for f in pieces} == {len(pieces)}
    assert [len(b.frames) for b in day.frames] == [1] * len(pieces)
    assert all(len(b.packed) <= FRAME_BYTES_LIMIT + 4096 for b in day.batches)
    assert [b.first for b in day.frames] == [True] + [False] * (len(pieces) - 1)
    assert len({b.segment for b in day.batches if b.stream == 1}) == 1


def test_an_opt_out_forgets_everything_that_waited() -> None:
    day = Day()
    day.tick(1000, shade=1)
    day.tick(1100, key(1050), key(1060))

    state = purge(day.state, 1)

    assert state.held == ()
    assert state.shots == ()
    assert state.latest is None
    assert state.activity is None
    assert state.counts.captured == state.counts.dropped["opt_out"] == 3


def test_what_came_while_the_gate_was_shut_is_told_by_the_next_batch() -> None:
    day = Day(gate=PAUSE)
    day.tick(1000, key(1010))
    day.until(1500, begin_ms=1100)
    day.gate = PERMIT
    day.tick(1600)
    day.tick(1700, key(1650), overflowed=4)
    day.until(3400, begin_ms=1800)

    told = {g.reason: g.count for g in day.inputs[0].gaps}
    assert told == {"pause": 1, "overflow": 4}


@pytest.mark.parametrize(
    "event",
    [
        RawInput(t_ms=1050, kind=InputKind.MOVE, x=40_000, y=1),
        RawInput(t_ms=1050, kind=InputKind.KEY_DOWN, x=1, y=1, keysym=1 << 32),
    ],
    ids=["coordinate", "keysym"],
)
def test_a_value_that_no_column_can_carry_is_refused_and_never_clamped(event: RawInput) -> None:
    day = Day()

    day.tick(1000)
    day.tick(1100, event, key(1060))
    day.until(2400, begin_ms=1200)

    assert [(g.reason, g.count) for g in day.inputs[0].gaps] == [("sensor", 1)]
    assert len(day.inputs[0].kind) == 1


def test_titles_are_kept_only_where_the_policy_keeps_them() -> None:
    kept = Day()
    bare = Day(gate=Permit(
        beacon=1, until_us=1 << 60, policy="p", rules=replace(PERMIT.rules, keep_titles=False),
        consent="c", person="p",
    ))  # fmt: skip
    for day in (kept, bare):
        day.tick(1000)
        day.tick(1100, key(1050))
        day.until(2400, begin_ms=1200)

    assert [c.title for c in kept.inputs[0].contexts] == ["note"]
    assert [(c.app, c.title) for c in bare.inputs[0].contexts] == [("mousepad", "")]


def test_no_picture_is_kept_in_memory_while_the_gate_is_shut() -> None:
    day = Day()
    day.tick(1000, shade=1)
    day.gate = PAUSE
    day.tick(1100)
    day.tick(1200)

    assert day.state.shots == ()
    assert day.state.latest is None
    assert day.state.seen is None


def test_the_helpers_agree_on_time() -> None:
    assert grab(5, 1).before_us == now_at(5).mono_us
