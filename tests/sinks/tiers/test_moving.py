"""A finished day goes from hot to warm to cold, byte for byte, and readers never miss it."""

import io
from pathlib import Path

import fastavro
import pytest

from overt_schemas.errors import Permanent
from overt_schemas.ids import Stream
from overt_sinks import container
from overt_sinks.tiers import passing
from overt_sinks.tiers.mover import Mover
from tests.sinks.made import notice
from tests.sinks.tiers.world import PEOPLE, World, device


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.fresh(tmp_path)


def _two_people(world: World) -> None:
    one, two = device(1, PEOPLE[0]), device(2, PEOPLE[1])
    frames = device(1, PEOPLE[0], Stream.FRAME)
    for _ in range(3):
        world.sink([one.part(), two.part(), one.part(), frames.part(), two.part()])
        one.next_segment()
    world.sink([one.tombstone(), two.boot_end(), notice()], number=1)


def test_a_day_stays_hot_until_it_is_over(world: World) -> None:
    _two_people(world)

    mover = world.run()

    assert mover.done.moved == 0
    assert set(world.tiers().values()) == {"hot"}


def test_a_finished_day_is_one_object_a_person_and_class(world: World) -> None:
    _two_people(world)
    world.next_day()

    mover = world.run()

    warm = sorted(name.rpartition("/")[0] for name, tier in world.tiers().items() if tier == "warm")
    assert warm == [
        "person=-/day=2026-11-25/class=mark",
        f"person={PEOPLE[0]}/day=2026-11-25/class=frame",
        f"person={PEOPLE[0]}/day=2026-11-25/class=input",
        f"person={PEOPLE[0]}/day=2026-11-25/class=mark",
        f"person={PEOPLE[1]}/day=2026-11-25/class=input",
        f"person={PEOPLE[1]}/day=2026-11-25/class=mark",
    ]
    assert (mover.done.moved, mover.done.records, mover.done.findings) == (6, 18, {})
    world.check()


def test_a_segment_of_a_warm_object_is_one_run_in_the_order_of_its_batches(world: World) -> None:
    _two_people(world)
    world.next_day()

    world.run()

    own = [r for r in world.runs() if r.person == PEOPLE[0] and (r.stream, r.kind) == (0, "part")]
    own.sort(key=lambda row: row.byte_from)
    assert [(r.segment, r.first_batch, r.last_batch) for r in own] == [
        (0, 0, 1),
        (1, 2, 3),
        (2, 4, 5),
    ]


def test_each_datum_is_byte_for_byte_what_stood_in_hot(world: World) -> None:
    _two_people(world)
    before = {datum for row in world.runs() for datum in _datums(world.bytes_of(row))}
    world.next_day()

    world.run()

    assert {datum for row in world.runs() for datum in _datums(world.bytes_of(row))} == before


def test_a_warm_object_is_an_avro_container_for_anybody(world: World) -> None:
    _two_people(world)
    world.next_day()

    world.run()

    name = next(n for n in world.tiers() if f"{PEOPLE[0]}/day=2026-11-25/class=input" in n)
    records = list(fastavro.reader(io.BytesIO(world.buckets["warm"].read(name))))
    assert [record["offset"] for record in records] == [0, 2, 5, 7, 10, 12]


def test_what_was_listed_is_readable_until_its_time_of_grace_is_over(world: World) -> None:
    _two_people(world)
    listed = world.runs()
    world.next_day()
    world.run()

    assert all(world.bytes_of(row) for row in listed)
    world.run(later_s=world.rules.grace_ms / 1000 - 1)
    assert all(world.bytes_of(row) for row in listed)
    world.run(later_s=2)

    assert set(world.tiers().values()) == {"warm"}
    world.check()


def test_a_reader_that_polls_by_seen_meets_each_record_once(world: World) -> None:
    _two_people(world)
    half = sorted(row.seen for row in world.runs())[5]
    before = {d for r in world.runs() if r.seen > half for d in _datums(world.bytes_of(r))}
    world.next_day()
    world.run()

    after = {d for r in world.runs() if r.seen > half for d in _datums(world.bytes_of(r))}

    assert before <= after


@pytest.mark.parametrize("missing", ["age", "offset", "offsets"])
def test_a_hot_object_stays_while_a_sink_may_still_be_at_it(world: World, missing: str) -> None:
    _two_people(world)
    world.next_day()
    if missing == "age":
        world.clock.wall -= world.rules.after_ms * 1000
        world.rules = type(world.rules)(after_ms=0)
    world.run()
    if missing == "offset":
        world.committed = lambda: dict.fromkeys(World.committed(world), 0)  # type: ignore[method-assign]

    world.run(later_s=world.rules.grace_ms / 1000 + 1, is_committed=missing != "offsets")

    assert list(world.tiers().values()).count("hot") == 4


def test_what_comes_late_waits_until_it_is_worth_an_object_or_old(world: World) -> None:
    _two_people(world)
    world.next_day()
    world.run()
    late = device(9, PEOPLE[0])
    world.sink([late.part()])

    assert world.run().done.moved == 0
    assert world.run(later_s=world.rules.late_ms / 1000).done.moved == 1
    world.run(later_s=world.rules.grace_ms / 1000 + 90_000)

    assert set(world.tiers().values()) == {"warm"}
    world.check()


def test_many_small_objects_of_a_group_become_one(world: World) -> None:
    world.rules = type(world.rules)(late_bytes=0, merge_objects=3)
    world.next_day()
    one = device(1, PEOPLE[0])
    for _ in range(3):
        world.sink([one.part(), one.part()])
        world.run(later_s=60)
    assert len(world.runs()) == 3

    world.run(later_s=world.rules.grace_ms / 1000 + 1)

    assert [row.records for row in world.runs()] == [6]
    world.run(later_s=world.rules.grace_ms / 1000 + 90_000)
    assert list(world.tiers().values()) == ["warm"]
    world.check()


def test_a_day_that_is_too_large_is_cut_between_segments(world: World) -> None:
    world.rules = type(world.rules)(object_bytes=40_000)
    one = device(1, PEOPLE[0])
    for _ in range(4):
        world.sink([one.part(4000) for _ in range(3)])
        one.next_segment()
    world.next_day()

    world.run()

    warm = [name for name, tier in world.tiers().items() if tier == "warm"]
    assert len(warm) == 2
    assert all(world.buckets["warm"].head(name).size <= 40_000 for name in warm)
    assert sorted(row.records for row in world.runs()) == [3, 3, 3, 3]
    world.check()


def test_a_warm_object_goes_cold_and_is_readable_all_the_way(world: World) -> None:
    world.rules = type(world.rules)(cold_after_ms=10 * 86_400_000)
    _two_people(world)
    world.next_day()
    world.run()
    world.run(later_s=7200)
    listed = world.runs()

    moved = world.run(later_s=10 * 86_400).done.moved

    assert moved == 6
    assert set(world.tiers().values()) == {"cold"}
    assert all(world.bytes_of(row) for row in listed)
    assert len(list(world.buckets["warm"].list(""))) == 6
    world.run(later_s=7200)
    assert not list(world.buckets["warm"].list(""))
    world.check()


def _datums(data: bytes) -> list[bytes]:
    return [data[start:end] for start, end, _ in container.cut(data)]


def test_a_mover_that_is_told_to_end_begins_no_other_move(world: World) -> None:
    _two_people(world)
    world.next_day()
    mover = Mover(
        world.index, world.buckets, world.rules, world.clock, pause=lambda _s: True,
        spread=lambda: 0.5,
    )  # fmt: skip

    with pytest.raises(Permanent, match="the next mover goes on"):
        passing.run(mover, world.committed(), lambda _d, _t: None)

    assert mover.done.moved == 0
    assert world.run().done.moved > 0
    world.check()
