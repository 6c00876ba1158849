"""`verify` finds nothing wrong at any stage of the data's life."""

from pathlib import Path

import pytest

from overt_sinks.audit.report import Report
from overt_sinks.audit.verify import check
from overt_sinks.erase.day import Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.stores.store import Store
from overt_sinks.tiers import expiry, passing
from overt_sinks.tiers.retention import Retention
from tests.sinks.erase.test_day import fill
from tests.sinks.made import DAY
from tests.sinks.tiers.disturbed import Disturbance, DisturbedIndex, Killed, disturbed
from tests.sinks.tiers.world import PEOPLE, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.fresh(tmp_path)
    fill(world)
    world.next_day()
    return world


def _findings(world: World) -> list[str]:
    report = Report()
    tiers = {tier: b for tier, b in world.buckets.items() if isinstance(b, Store)}
    check(world.index, tiers, world.committed(), report)
    assert report.unproven == []
    return [str(finding) for finding in report.account.findings.kept]


def _erase(world: World, disturbance: Disturbance | None = None) -> None:
    whose = PersonDay(person=PEOPLE[0], day=DAY)
    spoiler = disturbance or Disturbance()
    index = DisturbedIndex(str(world.index.pool.url), spoiler)
    try:
        Eraser(index, disturbed(world.buckets, spoiler), world.clock, whose).run(
            lambda _d, _t: None
        )
    except Killed:
        return
    finally:
        index.close()


def test_from_hot_to_cold(world: World) -> None:
    world.rules = type(world.rules)(cold_after_ms=86_400_000)
    assert _findings(world) == []
    for later_s in (0, 7200, 90_000, 2 * 86_400, 7200):
        world.run(later_s=later_s)
        assert _findings(world) == []


@pytest.mark.parametrize("stage", ["hot", "switched", "warm"])
def test_after_an_erasure(world: World, stage: str) -> None:
    if stage != "hot":
        world.run()
    if stage == "warm":
        world.run(later_s=90_000)

    _erase(world)

    assert _findings(world) == []


def test_after_an_expiry(world: World) -> None:
    world.run()
    world.run(later_s=90_000)

    retention = Retention(days={"input": 1, "frame": 1, "mark": 1})
    expiry.expire(world.index, world.buckets, retention, world.clock, lambda _d, _t: None)

    assert world.gone()
    assert _findings(world) == []


def test_with_a_cancelled_move_whose_name_is_taken(world: World) -> None:
    spoiler = Disturbance(at=8)
    index = DisturbedIndex(str(world.index.pool.url), spoiler)
    mover = world.mover(index=index)
    with pytest.raises(Killed):
        passing.run(mover, None, lambda _d, _t: None)
    index.close()

    _erase(world)

    assert [item.size for item in world.buckets["warm"].list("")].count(0)
    assert _findings(world) == []


@pytest.mark.parametrize("at", range(1, 40, 3))
def test_an_erasure_that_was_killed_is_clean_once_it_was_repeated(world: World, at: int) -> None:
    world.run()
    _erase(world, Disturbance(at=at))

    _erase(world)

    assert _findings(world) == []
