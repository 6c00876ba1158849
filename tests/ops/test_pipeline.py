"""When a partition stands still, when a stream is drained, and when a restart may go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_ops.pipeline import standing
from overt_ops.pipeline.drain import drain, settled
from overt_ops.pipeline.stages import STAGES, Members, Stage, named
from overt_ops.pipeline.standing import Seen, Spot, lag, stalled, step, undecided
from overt_ops.pipeline.view import picture, rows
from overt_ops.topology import files
from overt_schemas.errors import Permanent, Transient

REFINE, SINK = STAGES[0], STAGES[-1]
SPOT = ("sink", 0)


def seen(committed: int | None, end: int, start: int = 0) -> Seen:
    return Seen(start=start, end=end, committed=committed)


def watch(*samples: tuple[float, int, int]) -> dict[Spot, standing.Standing]:
    now: dict[Spot, standing.Standing] = {}
    for at_s, committed, end in samples:
        now = step(now, {SPOT: seen(committed, end)}, at_s)
    return now


def test_a_partition_stalls_once_it_has_lag_and_commits_nothing_for_so_long() -> None:
    assert stalled(watch((0, 5, 9), (29, 5, 20)), 30) == []
    assert stalled(watch((0, 5, 9), (30, 5, 20)), 30) == [SPOT]


def test_the_time_counts_from_the_first_record_it_left_lying() -> None:
    now = watch((0, 5, 5), (100, 5, 9), (120, 5, 9))

    assert stalled(now, 30) == []
    assert now[SPOT].still_s == 20


def test_a_commit_of_one_record_is_progress() -> None:
    now = watch((0, 5, 9), (25, 6, 900), (50, 6, 900))

    assert stalled(now, 30) == []
    assert not undecided(now, 30)


def test_without_lag_nothing_stalls_however_long_it_lasts() -> None:
    assert stalled(watch((0, 5, 5), (10_000, 5, 5)), 30) == []


def test_one_standing_partition_is_named_beside_moving_ones() -> None:
    now: dict[Spot, standing.Standing] = {}
    for at_s, moving in ((0.0, 1), (15.0, 2), (31.0, 3)):
        now = step(now, {("feed", 0): seen(moving, 9), ("feed", 1): seen(4, 9)}, at_s)

    assert stalled(now, 30) == [("feed", 1)]


def test_a_watch_that_cannot_tell_yet_goes_on() -> None:
    assert undecided(watch((0, 5, 9)), 30)
    assert undecided(watch((0, 5, 9), (10, 5, 9)), 30)
    assert not undecided(watch((0, 5, 9), (31, 5, 9)), 30)


def test_a_group_without_an_offset_has_all_there_is_before_it() -> None:
    assert seen(None, 30, start=10).lag == 20
    assert seen(4, 30, start=10).lag == 20
    assert seen(4, 30, start=10).expired == 6


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_whoever_keeps_committing_or_has_nothing_left_is_never_stalled(
    moves: list[tuple[int, int]],
) -> None:
    now: dict[Spot, standing.Standing] = {}
    committed = end = 0
    for at_s, (more, done) in enumerate(moves):
        end += more
        before, committed = committed, min(end, committed + done)
        now = step(now, {SPOT: seen(committed, end)}, float(at_s))
        if committed > before or committed == end:
            assert stalled(now, 1.0) == []


# ---- the shell's waiting, with a clock that does not wait


@dataclass
class Time:
    now_s: float = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float, /) -> None:
        self.now_s += seconds


@dataclass
class Brokers:
    """Groups that commit as scripted: lag as a function of time."""

    clock: Time
    left: Callable[[float], int]
    state: Callable[[float], str] = lambda _: "stable"
    count: int = 1
    told: list[tuple[int, int]] = field(default_factory=list)

    def seen(self, stages: Sequence[Stage]) -> dict[Spot, Seen]:
        left = self.left(self.clock.now_s)
        return {(s.name, p): seen(100 - left, 100) for s in stages for p in s.partitions}

    def members(self, stage: Stage) -> Members:
        state = self.state(self.clock.now_s)
        held = frozenset(stage.partitions) if state == "stable" else frozenset[int]()
        return Members(state=state, count=self.count, partitions=held)


def test_draining_ends_when_nothing_is_left_and_says_how_much_that_was() -> None:
    clock = Time()
    told: list[tuple[int, int]] = []
    brokers = Brokers(clock, left=lambda at: max(0, 10 - int(at)))

    done = drain(brokers, [SINK], 60, lambda *a: told.append(a), clock)

    assert done == 40
    assert told[0] == (40, 40)
    assert told[-1] == (0, 40)


def test_draining_that_takes_too_long_says_where_something_is_left() -> None:
    clock = Time()

    with pytest.raises(Transient, match=r"sink 0 \(7\)") as raised:
        drain(Brokers(clock, left=lambda _: 7), [SINK], 5, lambda *_: None, clock)

    assert raised.value.reason == "timed_out"


def test_draining_what_nobody_runs_says_so() -> None:
    clock = Time()

    with pytest.raises(Transient, match="nobody runs sink"):
        drain(Brokers(clock, left=lambda _: 7, count=0), [SINK], 5, lambda *_: None, clock)


def test_a_stage_is_back_once_its_group_is_stable_and_every_partition_moved() -> None:
    clock = Time()
    brokers = Brokers(
        clock, left=lambda at: 9 if at < 8 else 5,
        state=lambda at: "stable" if at >= 4 else "preparing rebalancing",
    )  # fmt: skip

    settled(brokers, REFINE, 60, clock)

    assert clock.now_s == 8


def test_a_stage_that_does_not_move_stops_the_restart_of_those_behind() -> None:
    clock = Time()

    with pytest.raises(Transient, match="partitions 0, 1, 2, 3 do not move") as raised:
        settled(Brokers(clock, left=lambda _: 9), REFINE, 20, clock)

    assert raised.value.reason == "timed_out"


# ---- what is shown


def test_the_stages_are_the_groups_that_the_topology_declares() -> None:
    declared = files.load().groups

    for stage in STAGES:
        if stage.name in declared:
            assert stage.topic in declared[stage.name]


def test_stages_come_in_the_order_of_the_stream_whatever_was_typed() -> None:
    assert [s.name for s in named(["sink", "refine-input"])] == ["refine-input", "sink"]
    with pytest.raises(Permanent, match="no stage called 'sinks'"):
        named(["sinks"])


def test_the_picture_names_what_is_wrong_and_where() -> None:
    now = {("sink", p): s for p in range(4) for s in watch((0, 5, 9), (2, 5, 9)).values()}
    alone = Members(state="stable", count=1, partitions=frozenset({0, 1, 2}))

    drawn = picture([SINK], now, {"sink": alone})

    assert "lag 16" in drawn
    assert "partitions 3 are nobody's" in drawn
    assert "no commit in partitions 0, 1, 2, 3" in drawn
    assert lag({spot: s.seen for spot, s in now.items()}) == 16
    assert rows(now)[0]["still_s"] == 2.0
