"""The same on SeaweedFS with the topology's identities, over SQLite and a real PostgreSQL."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from overt_schemas.clock import SystemClock
from overt_schemas.errors import Refused
from overt_sinks.erase.day import Erased, Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import Index, inventory_rows
from overt_sinks.stores.store import NotFound, Store, open_store
from overt_sinks.stores.target import Keys
from overt_sinks.tiers import passing, settling
from overt_sinks.tiers.mover import Mover
from overt_sinks.tiers.plan import Kind, Rules
from tests.authority.weed import running
from tests.conformance.postgres import server
from tests.sinks.erase.test_day import fill, others, traces
from tests.sinks.faulty import Faults, before
from tests.sinks.index.guarded import Guarded
from tests.sinks.made import DAY
from tests.sinks.test_settings import GOOD, write
from tests.sinks.tiers.world import PEOPLE, World
from tests.stores import versitygw

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


@dataclass
class Real(World):
    """A world where each works with its own rights, at the store and at the index."""

    opened: Opened = field(default=dict)
    urls: Callable[[str], str] = field(default=str)

    def pass_of_mover(self, url: str = "") -> dict[str, int]:
        """Let a mover do one pass; what it did."""
        mover, index = self.as_("mover", url)
        passing.run(mover, self.committed(), lambda _d, _t: None)
        index.close()
        assert mover.done.findings == {}
        return {"moved": mover.done.moved, "deleted": mover.done.deleted}

    def as_(self, who: str, url: str = "") -> tuple[Mover, Index]:
        """Return a mover with somebody's rights, and its index."""
        index = Index(self.urls(who))
        return self.mover(self.opened(who, url), index), index

    def erase(self, who: str = "eraser") -> Erased:
        """Erase the first person's day."""
        index = Index(self.urls(who))
        try:
            whose = PersonDay(person=PEOPLE[0], day=DAY)
            return Eraser(index, self.opened(who), self.clock, whose).run(lambda _d, _t: None)
        finally:
            index.close()


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path, opened: Opened) -> Iterator[Real]:
    guarded = Guarded(server(), has_rows=False) if request.param == "postgres" else None
    file = f"sqlite:///{tmp_path / 'index.db'}"
    urls = guarded.url if guarded else lambda _who: file
    index = Index(urls("sink"))
    index.create()
    world = Real(index=index, buckets=opened("store-root"), opened=opened, urls=urls)
    _empty(world)
    yield world
    index.close()
    if guarded:
        server().drop(guarded.name)


def _empty(world: World) -> None:
    for bucket in world.buckets.values():
        assert isinstance(bucket, Store)
        names = {item.name for item in bucket.list("")}
        for name in names | {version.name for version in bucket.versions("")}:
            bucket.delete(name)
            bucket.purge(name)


def _hidden(world: World) -> list[str]:
    found = []
    for bucket in world.buckets.values():
        assert isinstance(bucket, Store)
        found += [version.name for version in bucket.versions("")]
    return found


def test_the_life_of_a_day_with_the_rights_of_the_topology(world: Real) -> None:
    world.rules = Rules(cold_after_ms=5 * 86_400_000)
    fill(world)
    world.next_day()

    assert world.pass_of_mover() == {"moved": 5, "deleted": 0}
    world.clock.advance(90_000)
    assert world.pass_of_mover() == {"moved": 0, "deleted": 4}
    assert _hidden(world) == []
    world.clock.advance(5 * 86_400)
    assert world.pass_of_mover() == {"moved": 5, "deleted": 0}
    world.clock.advance(7200)
    assert world.pass_of_mover() == {"moved": 0, "deleted": 5}

    verifier = Index(world.urls("verifier"))
    with verifier.transaction() as db:
        assert {row.tier for row in inventory_rows.objects(db)} == {"cold"}
    verifier.close()


def test_what_was_restored_leaves_cold_by_the_hand_of_the_eraser(world: Real) -> None:
    world.rules = Rules(cold_after_ms=1, grace_ms=0)
    fill(world)
    world.next_day()
    for _ in range(3):
        world.pass_of_mover()
        world.clock.advance(60)
    mover, index = world.as_("mover")
    name = next(item.name for item in world.buckets["cold"].list(""))

    assert passing.carry(mover, Kind.RESTORE, "warm", name)
    world.clock.advance(7200)
    settling.settle(mover, None)  # it may not delete in cold: that stays

    assert world.buckets["cold"].head(name).size
    eraser, other = world.as_("eraser")
    settling.settle(eraser, None)
    with pytest.raises(NotFound):
        world.buckets["cold"].head(name)
    index.close()
    other.close()


def test_a_day_is_erased_with_all_versions(world: Real) -> None:
    fill(world)
    world.next_day()
    if world.index.pool.dialect.name == "postgresql":  # there from warm, else from hot
        world.pass_of_mover()
        world.clock.advance(7200)
    before_ = others(world)

    began = time.monotonic()
    done = world.erase()
    print(f"erased {done} in {time.monotonic() - began:.2f} s")

    assert (done.left, done.records) == (0, 7)
    assert traces(world) == 0
    assert _hidden(world) == []
    assert others(world) == before_


def test_a_mover_may_not_erase(world: Real) -> None:
    fill(world)

    with pytest.raises(Refused):
        world.erase("mover")

    assert len(world.readable()) == 16


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
    file = f"sqlite:///{tmp_path / 'index.db'}"
    index = Index(file)
    index.create()
    world = Real(
        index=index, buckets=opened("store-root"), opened=opened, urls=lambda _who: file
    )  # fmt: skip
    _empty(world)
    fill(world)
    world.next_day()
    faults = Faults(put=list(put), get=list(get))

    with before(opened.url, faults) as url:  # type: ignore[attr-defined]
        done = world.pass_of_mover(url)

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
    world.index.close()
