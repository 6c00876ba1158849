"""What is not what it must be is told, is never copied, and nothing is deleted for it."""

from pathlib import Path

import obstore
import pytest

from overt_schemas.errors import Malformed, Transient
from overt_sinks.index import inventory_rows
from overt_sinks.stores.store import Store
from overt_sinks.tiers import bundle, object_rows, passing, plan_rows, step
from overt_sinks.tiers.naming import Group, move_id, target
from overt_sinks.tiers.plan import Rules, Waiting, is_due, moves
from tests.sinks.erase.test_day import fill
from tests.sinks.made import DAY
from tests.sinks.tiers.world import PEOPLE, World

INPUT = Group(person=PEOPLE[1], day=DAY, class_="input")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.fresh(tmp_path)
    fill(world)
    world.next_day()
    return world


def _put(world: World, tier: str, name: str, data: bytes) -> None:
    bucket = world.buckets[tier]
    assert isinstance(bucket, Store)
    obstore.put(bucket.backend, name, data)


def test_a_source_that_rotted_is_not_copied(world: World) -> None:
    name = next(iter(world.tiers()))
    data = bytearray(world.buckets["hot"].read(name))
    data[-40] ^= 1
    _put(world, "hot", name, bytes(data))

    done = world.run().done
    world.run(later_s=90_000)

    assert set(done.findings) == {"source_differs"}
    assert name in world.tiers()
    assert world.buckets["hot"].read(name) == data


def test_another_object_under_the_targets_name_is_a_finding_and_stays(world: World) -> None:
    with world.index.transaction() as db:
        planned = list(moves(INPUT, "warm", list(plan_rows.to_pack(db, INPUT)), 1 << 20))
    _put(world, "warm", planned[0].target, b"something else")

    first, again = world.run().done, world.run(later_s=90_000).done

    assert first.findings == {"copy_differs": 1}
    assert again.findings == {"copy_differs": 1}
    assert world.buckets["warm"].read(planned[0].target) == b"something else"
    with world.index.transaction() as db:
        assert object_rows.object_row(db, planned[0].target) is None


def test_a_target_that_a_killed_mover_left_is_taken_as_it_stands(world: World) -> None:
    with world.index.transaction() as db:
        rows = list(plan_rows.to_pack(db, INPUT))
    [planned] = moves(INPUT, "warm", rows, 1 << 20)
    sources = [bundle.Source(row=row, data=world.bytes_of(row)) for row in rows]
    _, data = bundle.build(planned.target, INPUT, sources)
    _put(world, "warm", planned.target, data)

    done = world.run().done

    assert (done.moved, done.findings) == (5, {})
    world.check()


def test_a_store_that_is_away_ends_the_pass_and_the_next_goes_on(world: World) -> None:
    mover = world.mover(
        {**world.buckets, "warm": _Away(world.buckets["warm"])}  # type: ignore[dict-item]
    )

    with pytest.raises(Transient):
        passing.run(mover, world.committed(), lambda _d, _t: None)

    assert world.run().done.moved == 5
    world.check()


def test_a_copy_that_stays_different_is_read_some_times_and_no_more() -> None:
    moving = step.step(step.begin(), step.Created(), 0)

    for _ in range(step.READINGS - 1):
        moving = step.step(moving, step.Found(is_same=False), 0)
        assert isinstance(moving.doing, step.Read)
    with pytest.raises(Malformed) as raised:
        step.step(moving, step.Found(is_same=False), 0)

    assert raised.value.reason == "copy_differs"


def test_waiting_grows_and_is_bounded() -> None:
    moving, waits = step.begin(), []

    for _ in range(10):
        moving = step.step(moving, step.Failed(1.0), 0)
        waits.append(moving.not_before)

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (100, 5000)


@pytest.mark.parametrize("person", ["../../etc", "a/b", "", "-", ".", "p" * 65, "p\n"])
def test_a_person_that_is_no_pseudonym_never_becomes_a_path(person: str) -> None:
    group = Group(person=person, day=DAY, class_="input")
    waiting = Waiting(group=group, runs=1, size=1, oldest_ms=0, is_late=False)

    assert is_due(waiting, Rules(), 1 << 60) is (person == "-")


def test_a_plan_is_named_by_its_runs_in_their_order() -> None:
    assert move_id(["a", "b"]) == move_id(["a", "b"]) != move_id(["b", "a"])
    assert target(INPUT, move_id(["a"])).startswith(f"person={PEOPLE[1]}/day={DAY}/class=input/")


def test_a_bundle_knows_a_copy_that_misses_a_byte(world: World) -> None:
    with world.index.transaction() as db:
        rows = list(plan_rows.to_pack(db, INPUT))
    sources = [bundle.Source(row=row, data=world.bytes_of(row)) for row in rows]
    made, data = bundle.build("name", INPUT, sources)

    assert bundle.is_whole(made, data)
    assert not bundle.is_whole(made, data[:-1])
    assert not bundle.is_whole(made, data[:-30] + b"\0" + data[-29:])


class _Away:
    """A bucket that takes nothing."""

    def __init__(self, bucket: object) -> None:
        self._bucket = bucket

    def __getattr__(self, name: str) -> object:
        if name == "create":
            raise Transient("the store answers 503", reason="store")
        return getattr(self._bucket, name)


def test_what_another_is_removing_is_no_finding(world: World) -> None:
    """Somebody was killed between the store's delete and the row's: whoever looks ends it."""
    world.run()
    with world.index.transaction(writes=True) as db:
        planned = next(row for row in inventory_rows.objects(db) if row.tier == "warm")
        object_rows.drop_runs(db, [run.run for run in inventory_rows.runs_of(db, planned.object)])

    assert not object_rows.is_as_before(world.index, planned)
