"""A store that answers slowly, or not for a while, shows as lag and not as memory."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from overt_schemas.errors import Transient
from overt_sinks.rolling import Limits
from overt_sinks.testing import ScriptedConsumer
from tests.sinks.made import Segments
from tests.sinks.test_runner import Desk, Slow

SIZE, COUNT, OTHERS = 3_000, 1_200, 100
POLL = 500  # of each partition, in one call
LIMITS = Limits(age_ns=5_000_000, object_bytes=100_000, budget_bytes=400_000, writers=2)
# Sealed and signed; the desk counts some more for each, see ``Taken.size``.
RECORD = 6_000
MOST = LIMITS.budget_bytes + (POLL + OTHERS) * RECORD


@dataclass
class Slowly(Slow):
    """A store whose creates take a while, and that is away until ``back`` is set."""

    back: threading.Event = field(default_factory=threading.Event)
    takes_s: float = 0.005

    def create(self, name: str, data: bytes, storage_class: str = "") -> None:
        if not self.back.is_set():
            raise Transient("503", reason="store")
        threading.Event().wait(self.takes_s)
        super().create(name, data, storage_class)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    device = Segments()
    log: list[bytes | None] = [device.part(size=SIZE) for _ in range(COUNT)]
    made = Desk(tmp_path, {0: log, 1: list(log[:OTHERS])}, store=Slowly())
    yield made
    made.index.close()


def test_what_is_held_stays_within_the_budget_however_long_the_store_takes(desk: Desk) -> None:
    store, held, turns = desk.store, list[int](), 0
    assert isinstance(store, Slowly)

    def look(consumer: ScriptedConsumer) -> None:
        nonlocal turns
        turns += 1
        if turns == 200:
            store.back.set()
        fetched = {
            number: self_log[desk.committed[number][0] : consumer.positions.get(number, 0)]
            for number, self_log in desk.logs.items()
        }
        held.append(sum(len(value or b"") for values in fetched.values() for value in values))

    steps = [lambda c: c.give(0, 1), *([look] * 300)]

    consumer = desk.run(
        *steps, limits=LIMITS, until=lambda d: d.committed[0][0] == COUNT, stop_s=10.0
    )

    assert LIMITS.budget_bytes // 2 < max(held) <= MOST
    # While the store was away the lag grew instead: it was paused, and it went on by itself.
    assert "pause" in consumer.calls
    assert "resume" in consumer.calls
    assert [offset for offset, _ in desk.stored(0)] == list(range(COUNT))
    assert [offset for offset, _ in desk.stored(1)] == list(range(OTHERS))


def test_a_backlog_becomes_full_objects_however_old_its_records_are(desk: Desk) -> None:
    store = desk.store
    assert isinstance(store, Slowly)
    store.back.set()
    lazy = Limits(object_bytes=100_000, budget_bytes=400_000)

    # Kafka took them in long ago, by its clock; what counts is when the sink got them.
    desk.run(lambda c: c.give(0), limits=lazy, until=lambda d: d.committed[0][0] == COUNT)

    sizes = [item.size for item in store.list("topic=overt.part.v1")]
    assert sum(size > lazy.object_bytes // 2 for size in sizes) >= len(sizes) - 1
    assert len(sizes) < COUNT * RECORD // lazy.object_bytes + 2
