"""Who hangs or is killed while others work brings nothing back and takes nothing away."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from overt_sinks.erase.day import Erased, Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import tables
from overt_sinks.tiers import move_rows, object_rows, passing
from overt_sinks.tiers.naming import COLD, Group, carry_id
from overt_sinks.tiers.plan import Kind, Move, Rules
from tests.sinks.made import DAY
from tests.sinks.tiers.disturbed import Disturbance, DisturbedIndex, Killed, disturbed
from tests.sinks.tiers.world import PEOPLE, World, device

DAY_S = 86_400.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.fresh(tmp_path)
    one, two = device(1, PEOPLE[0]), device(2, PEOPLE[1])
    made.sink([one.part(), two.part(), one.part(), two.part()])
    made.next_day()
    return made


@dataclass
class Twice(Disturbance):
    """Something else happens before a later effect."""

    again: int = 0
    then: Callable[[], None] = lambda: None

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Do the effect, and what happens there."""
        if self.count + 1 >= self.again and not self.inside:
            self.again = 1 << 62
            self.then()
        return super().around(name, call)


def _as(world: World, work: Callable[[World], object], spoiler: Disturbance) -> None:
    """Let somebody work who is disturbed."""
    own = World(
        index=DisturbedIndex(str(world.index.pool.url), spoiler),
        buckets=disturbed(world.buckets, spoiler), clock=world.clock, rules=world.rules,
        ends=world.ends,
    )  # fmt: skip
    try:
        work(own)
    except Killed:
        pass
    finally:
        own.index.close()


def _erase(world: World, person: str = PEOPLE[0]) -> Erased:
    whose = PersonDay(person=person, day=DAY)
    return Eraser(world.index, world.buckets, world.clock, whose).run(lambda _d, _t: None)


def _pass(world: World) -> None:
    passing.run(world.mover(), world.committed(), lambda _d, _t: None)


def _traces(world: World) -> list[str]:
    """Return which tiers hold anything of the one who is erased."""
    return [
        tier for tier, bucket in world.buckets.items() for item in bucket.list("")
        if PEOPLE[0].encode() in bucket.read(item.name)
    ]  # fmt: skip


def _plan_cold(world: World, name: str) -> Move:
    person = name.split("/", maxsplit=1)[0].removeprefix("person=")
    group = Group(person=person, day=DAY, class_="input")
    move = Move(id=carry_id(COLD, name), kind=Kind.COLD, target=name, tier=COLD, group=group)
    with object_rows.deciding(world.index) as db:
        assert move_rows.write_down(db, move, world.now_ms())
    return move


def _go_cold(world: World) -> None:
    world.rules = Rules(cold_after_ms=1)
    world.run()
    world.run(later_s=DAY_S)


@pytest.mark.parametrize(
    ("hangs", "at"),
    [("packing", n) for n in range(5, 10)] + [("going cold", n) for n in range(11, 18)],
)
def test_a_mover_that_hung_while_others_moved_and_erased_brings_nothing_back(
    world: World, hangs: str, at: int
) -> None:
    if hangs == "going cold":
        world.run()
        world.rules = Rules(cold_after_ms=1)
        world.clock.advance(DAY_S)

    def meanwhile() -> None:
        _pass(world)
        assert _erase(world).left == 0

    _as(world, _pass, Disturbance(at=at, event=meanwhile))

    if _erase(world) == Erased():
        assert _traces(world) == []
    world.run(later_s=2 * DAY_S)
    world.check()


@pytest.mark.parametrize("later", [5, 6, 7, 8])
@pytest.mark.parametrize("at", [3, 4])
def test_what_a_mover_without_rights_left_of_a_cancelled_move_is_taken_by_the_eraser(
    world: World, at: int, later: int
) -> None:
    world.run()
    world.run(later_s=DAY_S)
    (name,) = (name for name in world.tiers() if PEOPLE[0] in name)
    data = world.buckets["warm"].read(name)
    planned: list[Move] = []

    def plan() -> None:
        if {run for run in world.runs() if run.object == name}:
            planned.append(_plan_cold(world, name))

    def create_and_give_up() -> None:
        with object_rows.deciding(world.index) as db:
            if planned and move_rows.is_planned(db, planned[0].id):
                world.buckets["cold"].create(name, data)  # and it may not delete it
                move_rows.cancel(db, planned[0].id, world.now_ms())

    _as(world, _erase, Twice(at=at, event=plan, again=at + later, then=create_and_give_up))

    assert _traces(world) == []
    world.check()


@pytest.mark.parametrize("at", range(3, 12))
def test_an_erasure_that_is_repeated_is_whole_whatever_a_mover_did_between(
    world: World, at: int
) -> None:
    _go_cold(world)
    _as(world, _erase, Disturbance(at=at))
    world.run()

    assert _erase(world).left == 0

    assert _traces(world) == []
    world.check()


@pytest.mark.parametrize("at", range(1, 8))
def test_a_name_is_not_taken_back_from_a_move_that_was_planned_anew(world: World, at: int) -> None:
    world.run()
    world.run(later_s=DAY_S)
    world.rules = Rules(cold_after_ms=1)
    for name in world.tiers():
        move = _plan_cold(world, name)
        with object_rows.deciding(world.index) as db:
            assert move_rows.cancel(db, move.id, world.now_ms())
    world.clock.advance(2 * DAY_S)

    _as(world, _pass, Disturbance(at=at, event=lambda: _pass(world)))

    world.run(later_s=7200)
    world.run(later_s=7200)
    assert set(world.tiers().values()) == {"cold"}
    world.check()


@pytest.mark.parametrize("killed_at", [6, 7, 8])
@pytest.mark.parametrize("at", range(3, 8))
def test_the_index_knows_the_hash_of_what_two_erasers_left(
    world: World, killed_at: int, at: int
) -> None:
    _as(world, _erase, Disturbance(at=killed_at))

    def meanwhile() -> None:
        _erase(world, PEOPLE[1])

    _as(world, _erase, Disturbance(at=at, event=meanwhile))

    with world.index.transaction() as db:
        query = sa.select(tables.objects.c.object, tables.objects.c.sha256)
        known = [(name, sha256) for name, sha256 in db.execute(query)]
    for name, sha256 in known:
        assert hashlib.sha256(world.buckets["hot"].read(name)).hexdigest() == sha256
    world.check()
