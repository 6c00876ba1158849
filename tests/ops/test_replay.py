"""A replay: planned within the log, set back and never forward, and finished after any crash."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_ops.pipeline.standing import Seen
from overt_ops.replay.plan import (
    ALTERING,
    PLANNED,
    RUNNING,
    STEPS,
    Plan,
    Target,
    from_json,
    make,
    moves,
    progress,
    to_json,
)
from overt_ops.replay.start import read, start, write
from overt_schemas.errors import Permanent, Transient
from overt_schemas.topics import INPUT

TARGET = Target(stage="refine-input", topic=INPUT, topic_id="id-1")


def seen(committed: int | None, end: int, begin: int = 0) -> Seen:
    return Seen(start=begin, end=end, committed=committed)


def planned(wanted: int = 20, committed: int = 50, begin: int = 0) -> Plan:
    return make(TARGET, {0: seen(committed, 60, begin)}, {0: wanted}, {}, 1)


def test_a_plan_ends_where_the_group_is_and_says_what_is_repeated() -> None:
    (found,) = planned().ranges

    assert (found.first, found.until, found.to, found.repeats, found.expired) == (20, 50, 50, 30, 0)


def test_what_retention_took_is_said_and_left_out() -> None:
    (found,) = planned(wanted=5, begin=12).ranges

    assert (found.first, found.expired, found.repeats) == (12, 7, 38)


def test_an_end_bounds_what_was_asked_for_and_not_what_is_repeated() -> None:
    (found,) = make(TARGET, {0: seen(50, 60)}, {0: 20}, {0: 30}, 1).ranges

    assert (found.to, found.repeats) == (30, 30)


@pytest.mark.parametrize(
    ("committed", "wanted"), [(50, 50), (50, 90), (0, 0)], ids=["at", "ahead", "nothing done"]
)
def test_what_the_group_has_not_done_yet_is_no_replay(committed: int, wanted: int) -> None:
    with pytest.raises(Permanent, match="nothing to replay"):
        planned(wanted=wanted, committed=committed)


def test_a_group_without_an_offset_is_a_persons_decision() -> None:
    with pytest.raises(Permanent, match="no committed offset") as raised:
        make(TARGET, {0: seen(None, 60)}, {0: 20}, {}, 1)

    assert raised.value.reason == "no_offset"


offsets = st.integers(0, 100)


@given(offsets, offsets, offsets, offsets, offsets)
def test_offsets_are_only_set_back_and_within_the_log(
    begin: int, committed: int, wanted: int, later_begin: int, later_committed: int
) -> None:
    before = seen(committed, 200, begin)
    try:
        plan = make(TARGET, {0: before}, {0: wanted}, {}, 1)
    except Permanent:
        assert max(wanted, begin) >= committed
        return
    now = seen(later_committed, 200, later_begin)

    for offset in moves(plan, {0: now}).values():
        assert later_begin <= offset < later_committed
        assert offset >= min(max(wanted, begin), committed)


def test_a_plan_survives_its_file() -> None:
    plan = planned()

    assert from_json(to_json(plan)) == plan


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}", to_json(planned()).replace('"version": 1', '"version": 2'),
     to_json(planned()).replace('"first": 20', '"first": "20"'),
     to_json(planned()).replace('"first": 20', '"first": -1'),
     to_json(planned()).replace('"planned"', '"elsewhere"')],
    ids=["empty", "cut", "list", "number", "bare", "version", "text", "negative", "step"],
)  # fmt: skip
def test_a_file_that_is_no_plan_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan").write_text(text)

    with pytest.raises(Permanent, match="replay plan"):
        read(tmp_path / "plan")


def test_progress_counts_towards_the_plans_end() -> None:
    plan = make(TARGET, {0: seen(50, 60)}, {0: 20}, {0: 30}, 1).at(RUNNING)

    (part,) = progress(plan, {0: seen(25, 60)})
    (done,) = progress(plan, {0: seen(45, 60)})

    assert (part.done, part.of, part.repeats_left) == (5, 10, 25)
    assert (done.done, done.of, done.repeats_left) == (10, 10, 5)


def test_a_plan_that_was_not_carried_out_has_done_nothing() -> None:
    (part,) = progress(planned(), {0: seen(50, 60)})

    assert (part.done, part.repeats_left) == (0, 30)


# ---- carried out against twins, cut off anywhere


class Killed(Exception):
    """The operator's process was killed here."""


@dataclass
class World:
    """A stage and its group. While it runs it commits; every call may be the last."""

    committed: int = 50
    end: int = 80
    begin: int = 0
    is_up: bool = True
    refuses: bool = False
    calls: int = 0
    dies_at: int = -1
    processed: list[tuple[int, int]] = field(default_factory=list)
    set: list[int] = field(default_factory=list)

    def _live(self) -> None:
        self.calls += 1
        if self.calls == self.dies_at:
            raise Killed
        if self.is_up and self.committed < self.end:
            self.processed.append((self.committed, self.committed + 1))
            self.committed += 1

    def topic_id(self) -> str:
        self._live()
        return "id-1"

    def seen(self) -> dict[int, Seen]:
        self._live()
        return {0: Seen(start=self.begin, end=self.end, committed=self.committed)}

    def wait_empty(self) -> None:
        self._live()
        if self.is_up:
            raise Transient("somebody is in the group", reason="group_in_use")

    def set_back(self, offsets: Mapping[int, int]) -> None:
        self._live()
        if self.refuses:
            return
        assert not self.is_up
        assert offsets[0] < self.committed
        self.set.append(offsets[0])
        self.committed = offsets[0]
        self._live()  # killed after it was set and before that was known

    def stop(self) -> None:
        self._live()
        self.is_up = False
        self._live()

    def start(self) -> None:
        self._live()
        self.is_up = True
        self._live()


def carry_out(path: Path, world: World) -> Plan:
    return start(path, world, world, lambda _: None)


@settings(deadline=None)
@given(st.lists(st.integers(1, 14), max_size=4), st.booleans())
def test_killed_anywhere_and_started_again_it_ends_with_everything_read_from_the_first_offset(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[int], revived: bool
) -> None:
    world, path = World(), tmp_path_factory.mktemp("replay") / "plan.json"
    write(path, make(TARGET, world.seen(), {0: 20}, {}, 1))

    for death in deaths:
        world.calls, world.dies_at = 0, death
        try:
            carry_out(path, world)
        except Killed:
            if revived:
                world.is_up = True  # somebody starts the stage by hand meanwhile
            continue
        break
    world.dies_at = -1
    plan = carry_out(path, world)
    while world.committed < world.end:
        world.seen()

    assert plan.step == RUNNING
    assert world.is_up
    assert set(world.set) == {20}
    done = {first for first, _ in world.processed}
    assert done >= set(range(20, world.end))
    assert plan.ranges[0].until >= 50


def test_offsets_that_were_refused_without_a_word_start_nothing(tmp_path: Path) -> None:
    world, path = World(refuses=True), tmp_path / "plan.json"
    write(path, planned())

    with pytest.raises(Permanent, match="did not take the offsets of partitions 0"):
        carry_out(path, world)

    assert not world.is_up
    assert read(path).step == ALTERING
    world.refuses = False
    assert carry_out(path, world).step == RUNNING


def test_a_topic_that_was_made_anew_is_not_touched(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "plan.json"
    write(path, replace(planned(), topic_id="of-before"))

    with pytest.raises(Permanent, match="made anew"):
        carry_out(path, world)

    assert world.is_up
    assert read(path).step == PLANNED


def test_carrying_out_twice_does_it_once(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "plan.json"
    write(path, planned())

    carry_out(path, world)
    carry_out(path, world)

    assert world.set == [20]


def test_retention_that_moves_on_meanwhile_moves_the_first_offset(tmp_path: Path) -> None:
    world, path = World(begin=33), tmp_path / "plan.json"
    write(path, planned())

    plan = carry_out(path, world)

    assert world.set == [33]
    assert (plan.ranges[0].first, plan.ranges[0].expired) == (33, 13)


def test_a_plans_file_is_nobody_elses(tmp_path: Path) -> None:
    write(tmp_path / "replay" / "plan.json", planned())

    assert (tmp_path / "replay" / "plan.json").stat().st_mode & 0o077 == 0
    assert STEPS[0] == PLANNED
