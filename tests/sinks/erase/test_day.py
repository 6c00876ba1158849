"""A person's day is erased from every tier, and nothing of anybody else moves."""

from pathlib import Path

import pytest

from overt_schemas.errors import Malformed, Refused
from overt_sinks import container
from overt_sinks.erase.day import Erased, Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import hold_rows
from overt_sinks.index.values import RunRow
from overt_sinks.stores.store import Archived
from overt_sinks.tiers import expiry
from overt_sinks.tiers.buckets import Bucket, Buckets
from overt_sinks.tiers.retention import Retention
from tests.sinks.made import DAY, notice
from tests.sinks.tiers.disturbed import Disturbance, DisturbedIndex, disturbed
from tests.sinks.tiers.world import PEOPLE, World, device


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.fresh(tmp_path)


def fill(world: World) -> None:
    one, two = device(1, PEOPLE[0]), device(2, PEOPLE[1])
    for _ in range(3):
        world.sink([one.part(), two.part(), one.part(), two.part()])
        one.next_segment()
    world.sink([one.tombstone(), two.boot_end(), notice(), two.part()], number=1)


def erase(world: World) -> Erased:
    whose = PersonDay(person=PEOPLE[0], day=DAY)
    return Eraser(world.index, world.buckets, world.clock, whose).run(lambda _d, _t: None)


def others(world: World) -> dict[RunRow, bytes]:
    return {row: world.bytes_of(row) for row in world.runs() if row.person != PEOPLE[0]}


def traces(world: World) -> int:
    """Return how many sealed records of the person stand in any object."""
    count = 0
    for bucket in world.buckets.values():
        for item in bucket.list(""):
            data = bucket.read(item.name)
            count += sum(
                data.count(value) for value in (b"\x01" * 16 + b"e" * 16, PEOPLE[0].encode())
            )
    return count


@pytest.mark.parametrize("stage", ["hot", "switched", "warm", "cold"])
def test_nothing_of_the_day_is_left_and_others_are_byte_for_byte_the_same(
    world: World, stage: str
) -> None:
    fill(world)
    if stage != "hot":
        world.next_day()
        world.run()
    if stage == "warm":
        world.run(later_s=90_000)
    if stage == "cold":
        world.rules = type(world.rules)(cold_after_ms=1)
        world.run(later_s=7200)
        world.run(later_s=7200)
    before = others(world)
    assert traces(world)

    done = erase(world)

    assert traces(world) == 0
    assert others(world) == before
    assert done.left == 0
    assert done.records == 7
    assert set(world.gone().values()) == {"erased"}
    assert not [row for row in world.runs() if row.person == PEOPLE[0]]
    world.check()


def test_a_hot_object_whose_runs_all_left_is_blanked_too(world: World) -> None:
    fill(world)
    world.next_day()
    world.run()
    world.run(later_s=world.rules.grace_ms / 1000 + 1, is_committed=False)
    assert list(world.tiers().values()).count("hot") == 4

    done = erase(world)

    assert traces(world) == 0
    assert (done.rewritten, done.deleted) == (4, 2)
    world.check()


def test_a_person_on_hold_is_not_erased(world: World) -> None:
    fill(world)
    with world.index.transaction(writes=True) as db:
        hold_rows.place(db, hold_rows.Hold(person=PEOPLE[0], ticket="T-1", since_ms=0))

    with pytest.raises(Refused) as refused:
        erase(world)

    assert refused.value.reason == "held"
    assert traces(world)
    world.check()


def test_erasing_again_finds_nothing(world: World) -> None:
    fill(world)
    erase(world)

    assert erase(world) == Erased()


def test_what_a_sink_stored_and_did_not_index_yet_is_counted(world: World) -> None:
    fill(world)
    one = device(3, PEOPLE[0])
    known = world.index.insert
    world.index.insert = lambda *_: True  # type: ignore[method-assign]
    world.sink([one.part(), one.part()])
    world.index.insert = known  # type: ignore[method-assign]

    assert erase(world).left == 2


def test_the_rest_of_a_blanked_object_is_packed_and_deleted_as_ever(world: World) -> None:
    fill(world)
    erase(world)
    world.next_day()

    mover = world.run()
    world.run(later_s=world.rules.grace_ms / 1000 + 90_000)

    assert mover.done.findings == {}
    assert set(world.tiers().values()) == {"warm"}
    assert container.read_run(world.bytes_of(world.runs()[0]))
    world.check()


def test_what_expires_goes_by_class_and_day_and_is_accounted_for(world: World) -> None:
    fill(world)
    world.next_day()
    world.run()
    retention = Retention(days={"input": 3, "frame": 0, "mark": 0})
    world.clock.advance(3 * 86_400)

    waits = expiry.expire(world.index, world.buckets, retention, world.clock, lambda _d, _t: None)
    world.run(later_s=90_000)
    done = expiry.expire(world.index, world.buckets, retention, world.clock, lambda _d, _t: None)

    assert (waits.objects, waits.waiting) == (0, 0)  # still moving
    assert (done.objects, done.records) == (2, 13)
    assert set(world.gone().values()) == {"expired"}
    assert {row.kind for row in world.runs()} == {"tombstone", "boot_end", "notice"}
    world.check()


def test_a_person_on_hold_does_not_expire(world: World) -> None:
    fill(world)
    world.next_day()
    world.run()
    world.run(later_s=90_000)
    with world.index.transaction(writes=True) as db:
        hold_rows.place(db, hold_rows.Hold(person=PEOPLE[0], ticket="T-1", since_ms=0))
    retention = Retention(days={"input": 1, "frame": 1, "mark": 1})

    done = expiry.expire(world.index, world.buckets, retention, world.clock, lambda _d, _t: None)

    assert done.held == 2
    assert {row.person for row in world.runs()} == {PEOPLE[0]}
    world.check()


def test_an_object_that_is_not_there_is_a_finding_and_the_others_are_erased(world: World) -> None:
    fill(world)
    lost, *_ = world.tiers()
    world.buckets["hot"].delete(lost)

    with pytest.raises(Malformed) as found:
        erase(world)

    assert found.value.reason == "source_differs"
    assert traces(world) == 0


@pytest.mark.parametrize("at", range(1, 12))
def test_who_erases_while_another_does_finds_nothing_wrong(world: World, at: int) -> None:
    fill(world)
    world.next_day()
    world.run()
    world.run(later_s=90_000)

    def meanwhile() -> None:
        erase(world)

    spoiler = Disturbance(at=at, event=meanwhile)
    index = DisturbedIndex(str(world.index.pool.url), spoiler)
    whose = PersonDay(person=PEOPLE[0], day=DAY)

    done = Eraser(index, disturbed(world.buckets, spoiler), world.clock, whose)
    assert done.run(lambda _d, _t: None).left == 0

    index.close()
    assert traces(world) == 0
    world.check()


class _Archive:
    """A bucket whose objects of one person must be thawed before they are read."""

    def __init__(self, bucket: Bucket, person: str) -> None:
        self._bucket, self._person = bucket, person

    def __getattr__(self, name: str) -> object:
        return getattr(self._bucket, name)

    def read(self, name: str) -> bytes:
        if self._person in name and "class=input" in name:
            raise Archived("the object is archived: restore it first", reason="archived")
        return self._bucket.read(name)


def test_what_is_archived_waits_and_keeps_nothing_else_from_going(world: World) -> None:
    fill(world)
    world.next_day()
    world.run()
    world.run(later_s=90_000)
    frozen: Buckets = {**world.buckets, "warm": _Archive(world.buckets["warm"], PEOPLE[0])}  # type: ignore[dict-item]

    with pytest.raises(Archived):
        Eraser(world.index, frozen, world.clock, PersonDay(person=PEOPLE[0], day=DAY)).run(
            lambda _d, _t: None
        )
    assert {row.kind for row in world.runs() if row.person == PEOPLE[0]} == {"part"}

    retention = Retention(days={"input": 1, "frame": 1, "mark": 1})
    done = expiry.expire(world.index, frozen, retention, world.clock, lambda _d, _t: None)
    assert done.waiting == 1
    assert {row.person for row in world.runs()} == {PEOPLE[0]}


def test_a_hold_that_comes_while_others_expire_stops_one_and_not_all(world: World) -> None:
    fill(world)
    world.next_day()
    world.run()
    world.run(later_s=90_000)
    retention = Retention(days={"input": 1, "frame": 1, "mark": 1})

    def tell(done: int, _total: int) -> None:
        if done == 0:
            with world.index.transaction(writes=True) as db:
                hold_rows.place(db, hold_rows.Hold(person=PEOPLE[0], ticket="T-1", since_ms=0))

    done = expiry.expire(world.index, world.buckets, retention, world.clock, tell)

    assert done.held == 2
    assert {row.person for row in world.runs()} == {PEOPLE[0]}
