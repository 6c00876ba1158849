"""A small world of hot objects, three buckets and an index, for tests of mover and eraser.

``World.check`` is what must hold whenever nothing is under way: each offset of a link stands in one
run that is not superseded, or is gone on purpose; buckets hold what the index says and no more.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import obstore.store
import sqlalchemy as sa

from overt_schemas.ids import Stream
from overt_schemas.testing import FakeClock
from overt_sinks import container
from overt_sinks.index import Index, gone_rows, inventory_rows, tables
from overt_sinks.index.values import RunRow
from overt_sinks.naming import Partition
from overt_sinks.stores.store import Store
from overt_sinks.tiers import move_rows, passing
from overt_sinks.tiers.buckets import Buckets
from overt_sinks.tiers.mover import Mover
from overt_sinks.tiers.naming import day_end_ms
from overt_sinks.tiers.plan import Kind, Rules, State
from tests.sinks.made import DAY, TOPIC_ID, Segments, taken

HOUR_MS = 3_600_000
END_MS = day_end_ms(DAY) or 0
PEOPLE = ("p-000000000000000a", "p-000000000000000b")


def memory() -> Buckets:
    """Return three empty buckets."""
    return {tier: Store(obstore.store.MemoryStore()) for tier in ("hot", "warm", "cold")}


def device(n: int, person: str, stream: Stream = Stream.INPUT) -> Segments:
    """Return the n-th device of a person."""
    return Segments(
        device=bytes([n]) * 16, boot=bytes([n + 100]) * 16, person=person, stream=stream
    )


@dataclass
class World:
    """Buckets, an index, a clock that stands before the end of the day until it is moved."""

    index: Index
    buckets: Buckets
    clock: FakeClock = field(default_factory=lambda: FakeClock(wall=(END_MS - HOUR_MS) * 1000))
    rules: Rules = field(default_factory=Rules)
    ends: Counter[int] = field(default_factory=Counter)

    @classmethod
    def fresh(cls, folder: Path, buckets: Buckets | None = None) -> "World":
        """Return a new world on SQLite."""
        index = Index(f"sqlite:///{folder / 'index.db'}")
        index.create()
        return cls(index=index, buckets=buckets or memory())

    def now_ms(self) -> int:
        """Return the time."""
        return self.clock.wall_us() // 1000

    def sink(self, values: list[bytes], number: int = 0) -> str:
        """Store values as the next hot object of a partition, as a sink does; return its name."""
        where = Partition(topic="overt.part.v1", topic_id=TOPIC_ID, number=number)
        first = self.ends[number]
        records = [taken(first + n, value) for n, value in enumerate(values)]
        built, data = container.build(where, first, first + len(values) - 1, records)
        self.buckets["hot"].create(built.name, data)
        self.index.insert(built, self.now_ms())
        self.ends[number] += len(values)
        return built.name

    def committed(self) -> dict[Partition, int]:
        """Return the sink's offsets: everything that was stored."""
        return {
            Partition(topic="overt.part.v1", topic_id=TOPIC_ID, number=n): end
            for n, end in self.ends.items()
        }

    def mover(self, buckets: Buckets | None = None, index: Index | None = None) -> Mover:
        """Return a mover that never waits."""

        def pause(seconds: float) -> bool:
            self.clock.advance(seconds)
            return False

        return Mover(
            index or self.index, buckets or self.buckets, self.rules, self.clock, pause=pause,
            spread=lambda: 0.5,
        )  # fmt: skip

    def run(self, *, later_s: float = 0.0, is_committed: bool = True) -> Mover:
        """Let a new mover do one pass, some time later."""
        self.clock.advance(later_s)
        mover = self.mover()
        passing.run(mover, self.committed() if is_committed else None, lambda _d, _t: None)
        return mover

    def next_day(self) -> None:
        """Go to where the day is over and packed."""
        self.clock.wall = (END_MS + self.rules.after_ms + HOUR_MS) * 1000

    def runs(self) -> list[RunRow]:
        """Return the runs that are not superseded."""
        with self.index.transaction() as db:
            return [row for row in inventory_rows.runs(db) if not row.superseded_ms]

    def tiers(self) -> dict[str, str]:
        """Return the tier of each object."""
        with self.index.transaction() as db:
            return {row.object: row.tier for row in inventory_rows.objects(db)}

    def bytes_of(self, row: RunRow) -> bytes:
        """Return a run's bytes by its name, as a reader does."""
        with self.index.transaction() as db:
            query = sa.select(tables.objects.c.tier).where(tables.objects.c.object == row.object)
            tier = db.execute(query).scalar_one()
        found = self.buckets[tier].read_ranges(row.object, [row.byte_from], [row.byte_len])
        return bytes(found[0])

    def readable(self) -> Counter[tuple[int, int]]:
        """Return how often each (partition, offset) is read through the index."""
        found: Counter[tuple[int, int]] = Counter()
        for row in self.runs():
            for part in container.read_run(self.bytes_of(row)):
                found[part.partition, part.offset] += 1
        return found

    def gone(self) -> dict[tuple[int, int], str]:
        """Return which offsets are gone, and why."""
        with self.index.transaction() as db:
            return {
                (row.kafka_part, offset): row.gone.why
                for row in gone_rows.all_gone(db)
                for offset in range(row.gone.first, row.gone.last + 1)
            }

    def carried(self) -> set[str]:
        """Return the names that stand in two tiers, because somebody may still be reading."""
        with self.index.transaction() as db:
            written = move_rows.written(db, State.SWITCHED)
        return {found.move.target for found in written if found.move.kind is not Kind.PACK}

    def check(self) -> None:
        """Hold the account."""
        readable, gone = self.readable(), self.gone()
        assert set(readable.values()) <= {1}
        assert not set(readable) & set(gone)
        linked = {(n, offset) for n, end in self.ends.items() for offset in range(end)}
        assert set(readable) | set(gone) == linked
        tiers = self.tiers()
        for tier, bucket in self.buckets.items():
            standing = {item.name for item in bucket.list("") if item.size}
            rows = {name for name, own in tiers.items() if own == tier}
            assert rows <= standing, tier
            # What went to another tier stays for its time of grace.
            assert standing - rows <= self.carried(), tier
        seen = [row.seen for row in self.runs()]
        assert len(seen) == len(set(seen))
