"""The loop, over a scripted group and a folder: what is stored, committed, dropped, set aside."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore.store
import pytest

from overt_schemas.clock import SystemClock
from overt_schemas.errors import OvertError, Permanent, Transient
from overt_sinks import container
from overt_sinks.crew import Crew
from overt_sinks.index import Index
from overt_sinks.naming import Partition
from overt_sinks.rolling import Limits
from overt_sinks.runner import Runner, Source
from overt_sinks.stores.store import AlreadyExists, NotFound, Store
from overt_sinks.testing import KeptLetters, ScriptedConsumer, StillTopic
from overt_sinks.writer import Writer
from tests.sinks.made import TOPIC_ID, Segments

TOPIC = "overt.part.v1"
DEVICE = Segments()
LOG: list[bytes | None] = [DEVICE.part(size=30) for _ in range(40)]
QUICK = Limits(age_ns=20_000_000)
Step = Callable[[ScriptedConsumer], None]


@dataclass
class Slow(Store):
    """A store that fails a given number of creates, some of them after they succeeded."""

    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(obstore.store.MemoryStore())

    def create(self, name: str, data: bytes, storage_class: str = "") -> None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise Transient("503", reason="store")
        if failure == "gone":
            raise NotFound("no object of that name", reason="not_found")
        if failure == "taken":
            raise AlreadyExists("the name is taken", reason="exists")
        super().create(name, data, storage_class)
        if failure == "after":
            raise Transient("time-out", reason="store")


@dataclass
class Desk:
    """A runner with everything around it."""

    folder: Path
    logs: dict[int, list[bytes | None]]
    store: Slow = field(default_factory=Slow)
    letters: KeptLetters = field(default_factory=KeptLetters)
    committed: dict[int, tuple[int, str]] = field(default_factory=lambda: {0: (0, ""), 1: (0, "")})
    ready: list[int] = field(default_factory=list)
    topic: StillTopic = field(default_factory=lambda: StillTopic(TOPIC_ID))

    def __post_init__(self) -> None:
        self.index = Index(f"sqlite:///{self.folder}/index.db")
        self.index.create()

    def run(
        self,
        *steps: Step,
        until: Callable[["Desk"], bool] | None = None,
        limits: Limits = QUICK,
        stop_s: float = 5.0,
    ) -> ScriptedConsumer:
        """Run until the steps are done and ``until`` holds, then stop."""
        clock, left = SystemClock(), list(steps)
        end = clock.boot_ns() + 20_000_000_000

        def script() -> Iterator[Step]:
            while left:
                yield left.pop(0)
            while True:
                yield lambda _consumer: None

        def stopping() -> bool:
            assert clock.boot_ns() < end, "what the test waits for never came"
            return not left and (until is None or until(self))

        consumer = ScriptedConsumer(TOPIC, self.logs, script(), self.committed)
        writer = Writer(self.store, self.index, self.letters, clock, spread=lambda: 0.0)
        with Crew(writer.run, limits.writers) as crew:
            Runner(
                consumer=consumer, source=Source(topic=TOPIC, topic_id=TOPIC_ID), crew=crew,
                index=self.index, limits=limits, clock=clock, ready=self.ready.append,
                watch=self.topic,
            ).run(stopping, stop_s)  # fmt: skip
        return consumer

    def stored(self, number: int = 0) -> list[tuple[int, bytes]]:
        """Return offset and value of everything in objects, in order."""
        where = Partition(topic=TOPIC, topic_id=TOPIC_ID, number=number)
        names = sorted(item.name for item in self.store.list(where.prefix))
        parts = [part for name in names for part in container.read(self.store.read(name))[1]]
        return [(part.offset, container.frame(part)) for part in parts]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, {0: list(LOG), 1: list(LOG[:5])})
    yield made
    made.index.close()


def _give(*partitions: int) -> Step:
    return lambda consumer: consumer.give(*partitions)


def _committed(**offsets: int) -> Callable[[Desk], bool]:
    wanted = {int(name[1:]): offset for name, offset in offsets.items()}
    return lambda desk: {n: at for n, (at, _) in desk.committed.items()} == wanted


def test_everything_is_stored_and_then_committed(desk: Desk) -> None:
    desk.run(_give(0, 1), until=_committed(p0=40, p1=5))

    assert desk.stored(0) == list(enumerate(LOG))
    assert desk.stored(1) == list(enumerate(LOG[:5]))
    assert desk.ready == [2]


def test_an_offset_is_committed_with_the_topics_id(desk: Desk) -> None:
    desk.run(_give(0), until=lambda d: d.committed[0][0] == 40)

    assert desk.committed[0] == (40, TOPIC_ID)


def test_stopping_stores_what_was_held_and_commits_it_with_an_answer(desk: Desk) -> None:
    never = Limits(age_ns=3_600_000_000_000)

    consumer = desk.run(_give(0), limits=never)

    assert desk.stored(0) == list(enumerate(LOG))
    assert consumer.calls[-1] == "commit sync"
    assert desk.committed[0][0] == 40


def test_stopping_does_not_wait_for_a_store_that_is_away(desk: Desk) -> None:
    desk.store.failures = ["before"] * 1000
    before = SystemClock().boot_ns()

    desk.run(_give(0), stop_s=0.3)

    assert SystemClock().boot_ns() - before < 3_000_000_000
    assert desk.stored(0) == []
    assert desk.committed[0][0] == 0


def test_what_was_stored_before_a_crash_is_adopted(desk: Desk) -> None:
    desk.run(_give(0), until=lambda d: d.committed[0][0] == 40)
    desk.committed[0] = (0, "")
    again = Desk(desk.folder / "fresh", desk.logs, desk.store, committed=desk.committed)

    again.run(_give(0), until=lambda d: d.committed[0][0] == 40)

    assert again.stored(0) == list(enumerate(LOG))
    assert [r.object for r in again.index.links()] == [r.object for r in desk.index.links()]
    again.index.close()


def test_a_create_without_an_answer_is_read_back_and_counts_once(desk: Desk) -> None:
    desk.store.failures = ["after", "before", "after"]

    desk.run(_give(0), until=lambda d: d.committed[0][0] == 40)

    assert desk.stored(0) == list(enumerate(LOG))


def test_what_was_revoked_is_left_to_the_next_owner(desk: Desk) -> None:
    never = Limits(age_ns=3_600_000_000_000)

    consumer = desk.run(_give(0), lambda c: c.take_away(), limits=never)

    assert desk.stored(0) == []
    assert "commit sync" not in consumer.calls


def test_partitions_that_come_back_are_read_from_the_end_of_their_chain(desk: Desk) -> None:
    desk.run(
        _give(0), lambda c: c.take_away(), _give(0, 1), lambda c: c.take_away(), _give(1, 0),
        until=_committed(p0=40, p1=5),
    )  # fmt: skip

    assert desk.stored(0) == list(enumerate(LOG))
    assert desk.stored(1) == list(enumerate(LOG[:5]))


def test_a_record_that_does_not_parse_is_a_dead_letter_and_nothing_stops(desk: Desk) -> None:
    desk.logs[0][3], desk.logs[0][4] = b"\x00noise", None

    desk.run(_give(0), until=lambda d: d.committed[0][0] == 40)

    assert [at for at, _ in desk.stored(0)] == [n for n in range(40) if n not in (3, 4)]
    letters = [(r.offset, r.reason, r.value) for _, r in desk.letters.sent]
    assert letters == [(3, "unknown_schema", b"\x00noise"), (4, "empty", b"")]


def test_no_object_passes_over_an_offset_before_its_dead_letter_is_acknowledged(
    desk: Desk,
) -> None:
    desk.logs[0][3] = b"noise"
    desk.letters.failing = [Transient("away", reason="dead_letter")] * 2

    desk.run(_give(0), until=lambda d: d.committed[0][0] == 40)

    assert [r.offset for _, r in desk.letters.sent] == [3]


def test_a_slow_store_shows_as_a_pause_and_not_as_memory(desk: Desk) -> None:
    small = Limits(
        age_ns=20_000_000, object_bytes=10_000, budget_bytes=20_000, writers=1
    )  # fmt: skip
    desk.store.failures = ["before"] * 5

    consumer = desk.run(_give(0, 1), limits=small, until=_committed(p0=40, p1=5))

    assert {"pause", "resume"} <= set(consumer.calls)
    assert desk.stored(0) == list(enumerate(LOG))


def test_a_moment_without_room_pauses_nothing(desk: Desk) -> None:
    small = Limits(age_ns=20_000_000, object_bytes=10_000, budget_bytes=20_000, writers=1)
    desk.store.failures = ["before"]

    consumer = desk.run(_give(0, 1), limits=small, until=_committed(p0=40, p1=5))

    assert {"pause", "resume"} & set(consumer.calls) == set()
    assert desk.stored(0) == list(enumerate(LOG))


@pytest.mark.parametrize(
    ("offset", "reason"),
    [((-1001, ""), "no_offset"), ((99, ""), "expired"), ((3, "B" * 22), "stale_offset")],
    ids=["none", "behind the log's end", "of a deleted topic"],
)
def test_where_nobody_knows_how_to_go_on_the_sink_stops_and_says_so(
    desk: Desk, offset: tuple[int, str], reason: str
) -> None:
    desk.committed[0] = offset

    with pytest.raises(Permanent) as stopped:
        desk.run(_give(0))

    assert stopped.value.reason == reason


def test_an_object_that_is_none_stops_the_sink(desk: Desk) -> None:
    where = Partition(topic=TOPIC, topic_id=TOPIC_ID, number=0)
    desk.store.create(where.object(0), b"not an object")

    with pytest.raises(OvertError) as stopped:
        desk.run(_give(0), until=lambda _d: False)

    assert stopped.value.reason == "container"


def test_a_topic_that_was_made_anew_stops_the_sink(desk: Desk) -> None:
    def remake(_consumer: Any) -> None:
        desk.topic.id = "B" * 22

    with pytest.raises(Permanent) as stopped:
        desk.run(_give(0), remake, until=lambda _d: False)

    assert stopped.value.reason == "no_topic"


class _Problem:
    """An error as confluent-kafka hands it out."""

    def __init__(self, code: int, name: str) -> None:
        self._code, self._name = code, name

    def code(self) -> int:
        return self._code

    def name(self) -> str:
        return self._name

    def fatal(self) -> bool:
        return False


def test_an_offset_that_the_log_no_longer_holds_stops_the_sink(desk: Desk) -> None:
    def expire(consumer: Any) -> None:
        consumer.problems.append(_Problem(-140, "_AUTO_OFFSET_RESET"))

    with pytest.raises(Permanent) as stopped:
        desk.run(_give(0), expire, until=lambda _d: False)

    assert stopped.value.reason == "expired"


@pytest.mark.parametrize(
    ("code", "name"), [(-199, "_BAD_MSG"), (-198, "_BAD_COMPRESSION"), (2, "INVALID_MSG")]
)
def test_a_record_that_cannot_be_read_is_not_passed_over(desk: Desk, code: int, name: str) -> None:
    def broken(consumer: Any) -> None:
        consumer.problems.append(_Problem(code, name))

    with pytest.raises(Permanent) as stopped:
        desk.run(_give(0), broken, until=lambda _d: False)

    assert stopped.value.reason == "unreadable"


def test_records_that_did_not_come_are_not_passed_over(desk: Desk) -> None:
    def stale(consumer: ScriptedConsumer) -> None:
        # What was fetched before a rebalance and is handed out behind it.
        consumer.take_away()
        consumer.give(0)
        consumer.positions[0] = 10

    with pytest.raises(Transient) as stopped:
        desk.run(_give(0), stale, until=lambda _d: False, limits=Limits(age_ns=3_600_000_000_000))

    assert stopped.value.reason == "hole"
    assert desk.stored(0) == []
    assert desk.committed[0][0] == 0


def test_a_bucket_that_is_gone_stops_the_sink_and_says_what_to_do(desk: Desk) -> None:
    desk.store.failures = ["gone"]

    with pytest.raises(Permanent, match="stream-ops topology apply") as stopped:
        desk.run(_give(0), until=lambda _d: False)

    assert stopped.value.reason == "no_bucket"


def test_a_store_that_says_taken_and_holds_nothing_frees_the_writer_of_a_partition_lost(
    desk: Desk,
) -> None:
    desk.store.failures = ["taken"] * 100_000

    desk.run(_give(0), lambda c: c.take_away(), lambda _c: desk.store.failures.clear(),
             _give(0), until=lambda d: d.committed[0][0] == 40)  # fmt: skip

    assert desk.stored(0) == list(enumerate(LOG))


def test_brokers_that_are_away_for_a_while_stop_nothing(desk: Desk) -> None:
    def away(consumer: Any) -> None:
        consumer.problems.append(_Problem(-187, "_ALL_BROKERS_DOWN"))

    desk.run(_give(0), away, until=lambda d: d.committed[0][0] == 40)

    assert desk.stored(0) == list(enumerate(LOG))
