"""The same on SeaweedFS with the topology's identities, over SQLite and a real PostgreSQL."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from overt_schemas.clock import SystemClock
from overt_schemas.errors import Refused
from overt_sinks.erase.day import Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import Index, hold_rows
from overt_sinks.stores.store import Store, open_store
from overt_sinks.stores.target import Keys
from overt_sinks.tiers import passing, settling
from overt_sinks.tiers.plan import Kind, Rules
from tests.authority.weed import running
from tests.conformance.postgres import postgres_url
from tests.sinks.erase.test_day import fill, others, traces
from tests.sinks.faulty import Faults, before
from tests.sinks.made import DAY
from tests.sinks.test_settings import GOOD, write
from tests.sinks.tiers.world import PEOPLE, World
from tests.stores import versitygw

__all__ = ["postgres_url"]

pytestmark = pytest.mark.timeout(300)
TIERS = ("hot", "warm", "cold")
Opened = Callable[..., dict[str, Store]]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Buckets as an identity of the topology; ``url`` may be a proxy's. They keep versions."""
    with running(tmp_path_factory.mktemp("weed")) as weed:
        access, secret = weed.keys("store-root")
        s3 = versitygw.s3(weed.url, Keys(access=access, secret=secret))
        for tier in TIERS:
            s3.put_bucket_versioning(Bucket=tier, VersioningConfiguration={"Status": "Enabled"})

        def buckets(name: str, url: str = "") -> dict[str, Store]:
            access, secret = weed.keys(name)
            keys = Keys(access=access, secret=secret)
            return {tier: open_store(url or weed.url, tier, keys) for tier in TIERS}

        buckets.url = weed.url  # type: ignore[attr-defined]
        yield buckets


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path, opened: Opened) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'index.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    index = Index(url)
    index.create()
    world = World(index=index, buckets=opened("store-root"))
    _empty(world)
    yield world
    index.close()


def _empty(world: World) -> None:
    for bucket in world.buckets.values():
        assert isinstance(bucket, Store)
        names = {item.name for item in bucket.list("")}
        for name in names | {version.name for version in bucket.versions("")}:
            bucket.delete(name)
            bucket.purge(name)


def _as_mover(world: World, buckets: dict[str, Store]) -> dict[str, int]:
    mover = world.mover(buckets)
    passing.run(mover, world.committed(), lambda _d, _t: None)
    assert mover.done.findings == {}
    return {"moved": mover.done.moved, "deleted": mover.done.deleted}


def _hidden(world: World) -> list[str]:
    found = []
    for bucket in world.buckets.values():
        assert isinstance(bucket, Store)
        found += [version.name for version in bucket.versions("")]
    return found


def test_the_life_of_a_day_with_the_rights_of_the_topology(world: World, opened: Opened) -> None:
    as_mover, as_eraser = opened("mover"), opened("eraser")
    world.rules = Rules(cold_after_ms=5 * 86_400_000)
    fill(world)
    world.next_day()

    assert _as_mover(world, as_mover) == {"moved": 5, "deleted": 0}
    world.check()
    world.clock.advance(90_000)
    assert _as_mover(world, as_mover) == {"moved": 0, "deleted": 4}
    assert _hidden(world) == []
    world.clock.advance(5 * 86_400)
    assert _as_mover(world, as_mover) == {"moved": 5, "deleted": 0}
    world.clock.advance(7200)
    assert _as_mover(world, as_mover) == {"moved": 0, "deleted": 5}
    assert set(world.tiers().values()) == {"cold"}
    world.check()

    mover = world.mover(as_mover)
    name = next(iter(world.tiers()))
    assert passing.carry(mover, Kind.RESTORE, "warm", name)
    world.clock.advance(7200)
    settling.settle(world.mover(as_mover), None)  # it may not delete in cold: that stays
    assert world.carried() == {name}
    settling.settle(world.mover(as_eraser), None)
    assert world.carried() == set()
    world.check()


def test_a_day_is_erased_with_all_versions(world: World, opened: Opened) -> None:
    fill(world)
    world.next_day()
    if world.index.pool.dialect.name == "postgresql":  # there from warm, else from hot
        _as_mover(world, opened("mover"))
        world.clock.advance(7200)
    before_ = others(world)
    whose = PersonDay(person=PEOPLE[0], day=DAY)

    began = time.monotonic()
    done = Eraser(world.index, opened("eraser"), world.clock, whose).run(lambda _d, _t: None)
    print(f"erased {done} in {time.monotonic() - began:.2f} s")

    assert (done.left, done.records) == (0, 7)
    assert traces(world) == 0
    assert _hidden(world) == []
    assert others(world) == before_
    world.check()


def test_a_mover_may_not_erase(world: World, opened: Opened) -> None:
    fill(world)
    whose = PersonDay(person=PEOPLE[0], day=DAY)

    with pytest.raises(Refused):
        Eraser(world.index, opened("mover"), world.clock, whose).run(lambda _d, _t: None)

    world.check()


@pytest.mark.parametrize(
    ("put", "get"),
    [
        (["503", "503"], []),
        (["lost"], []),
        (["409"], ["503", "wrong", "cut"]),
        ([], ["ok", "wrong", "ok", "wrong"]),
        (["lost", "503", "lost"], ["ok", "ok", "wrong"]),
    ],
    ids=lambda words: "-".join(words) or "ok",
)
def test_a_bad_line_delays_a_move_and_changes_nothing(
    tmp_path: Path, opened: Opened, put: list[str], get: list[str]
) -> None:
    world = World.fresh(tmp_path, opened("store-root"))
    _empty(world)
    fill(world)
    world.next_day()
    faults = Faults(put=list(put), get=list(get))

    with before(opened.url, faults) as url:  # type: ignore[attr-defined]
        done = _as_mover(world, opened("mover", url))

    assert done["moved"] == 5
    assert (faults.put, faults.get) == ([], [])
    world.check()
    world.index.close()


def test_killed_processes_leave_what_the_next_one_ends(tmp_path: Path) -> None:
    now = SystemClock().wall_us()
    world = World.fresh(tmp_path)
    text = GOOD.replace("file:///objects", f"file://{tmp_path / 'objects'}")
    text = text.replace("sqlite:////index.db", f"sqlite:///{tmp_path / 'index.db'}")
    text = text.replace('hot = "hot"', 'hot = "hot"\nwarm = "warm"\ncold = "cold"')
    config = write(tmp_path, f"{text}[tiers]\nafter_s = 0\ngrace_s = 0\nmin_hot_age_s = 0\n")
    world.buckets = {t: open_store(f"file://{tmp_path / 'objects'}", t, None) for t in TIERS}
    world.clock.wall = now
    for _ in range(5):
        fill(world)
    before_ = others(world)
    words = ["erase-day", "--person", PEOPLE[0], "--day", DAY, "--config", str(config)]
    command = [sys.executable, "-c", "from overt_sinks.cli import main; main()", *words]

    for patience_s in (0.9, 1.3, 1.7, 2.1):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert process.stderr is not None
        end = time.monotonic() + patience_s
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        process.kill()
        process.communicate()
    last = subprocess.run(command, capture_output=True, text=True, check=False)

    assert last.returncode == 0, last.stderr
    assert traces(world) == 0
    assert others(world) == before_
    world.check()
    with world.index.transaction() as db:
        assert not hold_rows.holds(db)
    world.index.close()
