"""Movers, an eraser, expiry and a sink in any order, killed or overtaken at any effect.

After every step each offset of the chain is readable once or gone on purpose. Once everybody who
was killed has been started again, the buckets hold what the index says and nothing else.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from overt_schemas.errors import Refused
from overt_schemas.ids import Stream
from overt_sinks import container
from overt_sinks.erase.day import Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import Index, hold_rows, inventory_rows
from overt_sinks.index.values import RunRow
from overt_sinks.stores.store import AlreadyExists
from overt_sinks.tiers import expiry, object_rows, passing, settling
from overt_sinks.tiers.buckets import Buckets
from overt_sinks.tiers.mover import Mover
from overt_sinks.tiers.plan import Rules
from overt_sinks.tiers.retention import Retention
from tests.sinks.made import DAY
from tests.sinks.tiers.disturbed import Disturbance, DisturbedIndex, Killed, disturbed
from tests.sinks.tiers.world import PEOPLE, World, device, memory

RULES = Rules(
    cold_after_ms=3 * 86_400_000, late_bytes=0, merge_objects=2, object_bytes=14_000
)  # fmt: skip
RETENTION = Retention(days={"input": 5, "frame": 4, "mark": 6})
EFFECTS = st.integers(1, 30)
ACTORS = ("move", "move", "move", "erase", "expire")
Act = Callable[[Index, Buckets], None]


def _quiet(_logger: object, _name: str, _event: object) -> dict[str, object]:
    raise structlog.DropEvent


class Tiers(RuleBasedStateMachine):
    """The world, and what was promised to readers."""

    @initialize()
    def begin(self) -> None:
        structlog.configure(processors=[_quiet])
        self.folder = tempfile.TemporaryDirectory(
            dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        )
        self.world = World.fresh(Path(self.folder.name), memory())
        self.world.rules = RULES
        self.devices = [
            device(1, PEOPLE[0]), device(2, PEOPLE[1]), device(3, PEOPLE[0], Stream.FRAME)
        ]  # fmt: skip
        self.listed: list[tuple[int, list[tuple[RunRow, set[tuple[int, int]]]]]] = []
        self.names: list[tuple[int, str]] = []
        self.erasing = False
        self.world.next_day()
        for n in range(3):
            self.sink([0, 1, 2, n], new_segment=True)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.quiesce()
            self.world.index.close()
            self.folder.cleanup()
        structlog.reset_defaults()

    @rule(which=st.lists(st.integers(0, 4), min_size=1, max_size=6), new_segment=st.booleans())
    def sink(self, which: list[int], new_segment: bool) -> None:
        """A sink stores an object of many people's records."""
        values = [
            self.devices[n].part(300) if n < 3 else self.devices[n - 3].tombstone() for n in which
        ]
        self.names.append((self.world.now_ms(), self.world.sink(values, number=which[0] % 2)))
        if new_segment:
            self.devices[0].next_segment()

    @rule(hours=st.sampled_from([2, 25, 73]))
    def later(self, hours: int) -> None:
        """Time passes."""
        self.world.clock.advance(hours * 3600)

    @rule()
    def list_runs(self) -> None:
        """A reader lists what there is."""
        rows = [(row, self._offsets(row)) for row in self.world.runs()]
        self.listed.append((self.world.now_ms(), rows))

    @rule(actor=st.sampled_from(ACTORS))
    def act(self, actor: str) -> None:
        """Somebody works undisturbed."""
        self._run(actor, Disturbance())

    @rule(actor=st.sampled_from(ACTORS), at=EFFECTS, after=st.booleans())
    def killed(self, actor: str, at: int, after: bool) -> None:
        """Somebody is killed at an effect, with work to do."""
        self.sink([0, 1, 3], new_segment=False)
        self._run(actor, Disturbance(at=at, after=after))

    @rule(
        actor=st.sampled_from(ACTORS), other=st.sampled_from([*ACTORS, "sink"]), at=EFFECTS,
        after=st.booleans(), dies=st.integers(0, 60),
    )  # fmt: skip
    def overtaken(self, actor: str, other: str, at: int, after: bool, dies: int) -> None:
        """Somebody hangs at an effect while another works, who may be killed at it."""

        def event() -> None:
            if other == "sink":
                self.sink([0, 1, 2], new_segment=True)
            else:
                self._run(other, Disturbance(at=dies))

        self.sink([0, 1, 2, 4], new_segment=True)
        self._run(actor, Disturbance(at=at, after=after, event=event))

    @rule()
    def zombie(self) -> None:
        """A sink that hung comes back, within its time, and creates a name it took for free."""
        young = self.world.now_ms() - RULES.min_hot_age_ms
        for created, name in self.names:
            if created > young:
                try:
                    self.world.buckets["hot"].create(name, b"zombie")
                except AlreadyExists:
                    continue
                raise AssertionError("a name of the chain was free again")

    @rule(is_held=st.booleans())
    def hold(self, is_held: bool) -> None:
        """A person comes on hold, or off."""
        with object_rows.deciding(self.world.index) as db:
            if is_held and not self.erasing:
                hold_rows.place(db, hold_rows.Hold(person=PEOPLE[0], ticket="T", since_ms=0))
            else:
                hold_rows.lift(db, PEOPLE[0])

    @rule()
    def quiesce(self) -> None:
        """Everybody who was killed is started again and ends what it began."""
        if self.erasing:
            self._run("erase", Disturbance())
        self._run("expire", Disturbance())
        self._run("move", Disturbance())
        self.world.check()

    @invariant()
    def each_offset_is_readable_once_or_gone(self) -> None:
        if not hasattr(self, "world"):
            return
        readable, gone = self.world.readable(), self.world.gone()
        linked = {(n, at) for n, end in self.world.ends.items() for at in range(end)}
        assert set(readable.values()) <= {1}
        assert set(readable) | set(gone) == linked
        assert not set(readable) & set(gone)

    @invariant()
    def who_listed_can_read(self) -> None:
        if not hasattr(self, "world"):
            return
        now, gone = self.world.now_ms(), self.world.gone()
        self.listed = [(at, rows) for at, rows in self.listed if at + RULES.grace_ms >= now]
        with self.world.index.transaction() as db:
            standing = {row.run for row in inventory_rows.runs(db)}
        for _, rows in self.listed:
            for row, offsets in rows:
                if row.run in standing:
                    assert self._offsets(row) == offsets
                elif not (self.erasing and row.person == PEOPLE[0]):
                    # Erased and expired records are no longer anybody's to read.
                    assert offsets <= set(gone), "a run that was listed is gone too early"

    def _offsets(self, row: RunRow) -> set[tuple[int, int]]:
        parts = container.read_run(self.world.bytes_of(row))
        return {(part.partition, part.offset) for part in parts}

    def _run(self, actor: str, disturbance: Disturbance) -> None:
        url = str(self.world.index.pool.url)
        index = DisturbedIndex(url, disturbance)
        try:
            getattr(self, f"_{actor}")(index, disturbed(self.world.buckets, disturbance))
        except Killed:
            pass
        finally:
            index.close()

    def _move(self, index: Index, buckets: Buckets) -> None:
        mover = self._mover(index, buckets)
        passing.run(mover, self.world.committed(), lambda _d, _t: None)
        assert not mover.done.findings or self.erasing, mover.done.findings

    def _expire(self, index: Index, buckets: Buckets) -> None:
        settling.settle(self._mover(index, buckets), None)
        done = expiry.expire(index, buckets, RETENTION, self.world.clock, lambda _d, _t: None)
        assert not done.findings

    def _erase(self, index: Index, buckets: Buckets) -> None:
        whose = PersonDay(person=PEOPLE[0], day=DAY)
        was, self.erasing = self.erasing, True
        try:
            done = Eraser(index, buckets, self.world.clock, whose).run(lambda _d, _t: None)
        except Refused:
            self.erasing = was
            return
        self.erasing = bool(done.left)

    def _mover(self, index: Index, buckets: Buckets) -> Mover:
        world = self.world

        def pause(seconds: float) -> bool:
            world.clock.advance(seconds)
            return False

        return Mover(
            index, buckets, RULES, world.clock, pause=pause, spread=lambda: 0.5
        )  # fmt: skip


TestTiers = Tiers.TestCase
TestTiers.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_same_for_longer() -> None:
    run_state_machine_as_test(
        Tiers, settings=settings(TestTiers.settings, max_examples=200, stateful_step_count=40)
    )
