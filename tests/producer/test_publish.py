"""Rows reach the broker in order, stay until they are proved to be there, and wait for consent."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from overt_producer.publish import Ledger, Publisher
from overt_producer.publish.lane import BACK_OFF_LIMIT_S, Lane
from overt_producer.spool import Outgoing, Spool
from overt_producer.spool.reader import CONTENT_LANE
from overt_schemas import topics
from overt_schemas.client import Config
from overt_schemas.ids import Stream, new_id
from tests.producer.test_spool import sealed

DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
FATAL = KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True)


def test_a_gap_holds_back_everything_behind_it() -> None:
    assert Ledger(trim_point=3).acknowledge([5, 4]).trim_point == 3


@given(st.permutations(range(9)), st.lists(st.integers(0, 8)))
def test_any_order_and_any_repeat_end_with_all_delivered(
    order: list[int], repeats: list[int]
) -> None:
    ledger = Ledger()
    for number in [*order, *repeats]:
        ledger = ledger.acknowledge([number])

    assert ledger == Ledger(trim_point=9)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40))
def test_a_lane_only_ever_gives_up_an_unbroken_run_of_good_rows(
    answers: list[tuple[int, bool]],
) -> None:
    lane, good, removed = Lane(), set[int](), list[int]()
    for row in range(100, 107):
        lane = lane.sent(row)
    for number, is_good in answers:
        if number not in lane.waiting:
            continue
        good |= {100 + number} if is_good else set()
        lane, rows = lane.answered([number] if is_good else [], [] if is_good else [number])
        removed += rows
        assert removed == list(range(100, 100 + len(removed)))
        assert set(removed) <= good


def test_refusals_wait_longer_each_time_and_not_for_ever() -> None:
    lane, waits = Lane(), []
    for _ in range(9):
        lane = lane.refused(0.0)
        waits.append(lane.not_before_s)

    assert waits == sorted(waits)
    assert waits[-1] == BACK_OFF_LIMIT_S


@dataclass
class Broker:
    """A producer whose answers the test gives; it keeps what it was asked to send."""

    config: Config = field(default_factory=dict)
    queue: deque[tuple[str, bytes, Callable[..., None]]] = field(default_factory=deque)
    refusal: Exception | None = None
    error: KafkaError | None = None
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    keys: set[bytes] = field(default_factory=set)
    made: int = 0

    def build(self, config: Config) -> "Broker":
        self.config, self.made = config, self.made + 1
        return self

    def produce(self, topic: str, **kwargs: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((topic, kwargs["value"]))
        self.keys.add(kwargs["key"])
        self.queue.append((topic, kwargs["value"], kwargs["on_delivery"]))

    def poll(self, timeout: float) -> int:
        del timeout
        waiting, self.queue = self.queue, deque()
        for _, _, answer in waiting:
            answer(self.error, None)
        return len(waiting)

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return 0

    def purge(self) -> None:
        self.queue.clear()


@dataclass
class Bench:
    """A spool with three batches, a consent and a boot end in it, and a publisher."""

    folder: Path
    registered: set[str] = field(default_factory=lambda: {"c-1"})
    broker: Broker = field(default_factory=Broker)

    def __post_init__(self) -> None:
        path = self.folder / "spool.db"
        self.spool, self.outgoing = Spool(path), Outgoing(path)
        self.boot = new_id()
        self.spool.begin(self.boot, "p-1")
        self.spool.end(new_id(), b"end", 1000)
        self.spool.append(
            [sealed(self.boot, 0), sealed(self.boot, 0, Stream.FRAME), sealed(self.boot, 1)], 1000
        )
        self.spool.say("consent", self.boot, b"receipt", 1000)
        self.publisher = Publisher(
            self.outgoing, b"d" * 16, dict, self.registered.__contains__, self.broker.build
        )

    def left(self) -> int:
        return len(self.outgoing.after(CONTENT_LANE, 0, 100))

    def topics(self) -> list[str]:
        return [topic for topic, _ in self.broker.sent]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.outgoing.close()
    made.spool.close()


def test_statements_go_first_then_content_in_spool_order(bench: Bench) -> None:
    bench.publisher.pump()

    assert bench.topics() == [
        topics.CONSENT, topics.INPUT, topics.INPUT, topics.FRAME, topics.INPUT,
    ]  # fmt: skip
    assert bench.broker.keys == {b"d" * 16}
    assert bench.broker.config["enable.idempotence"] is True
    assert bench.left() == 4

    bench.publisher.pump()

    assert bench.left() == 0
    assert bench.spool.account()["published"] == {"input": 2, "frame": 1}


def test_content_waits_until_its_consent_is_registered(bench: Bench) -> None:
    bench.registered.clear()

    bench.publisher.pump()
    assert bench.topics() == [topics.CONSENT, topics.INPUT]  # the receipt and the boot end
    bench.registered.add("c-1")
    bench.publisher.pump()

    assert len(bench.broker.sent) == 5


def test_a_row_that_produce_refuses_at_once_was_not_sent_and_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    bench.broker.refusal = KafkaException(DENIED)
    bench.publisher.pump()
    assert bench.publisher.waiting == 0
    bench.broker.refusal = None

    bench.publisher.pump()
    assert bench.broker.sent == []  # it backs off
    seconds[0] += 1.0
    bench.publisher.pump()
    bench.publisher.pump()

    assert bench.left() == 0
    assert bench.publisher.published == 5


def test_a_full_queue_is_waited_for(bench: Bench) -> None:
    bench.broker.refusal = BufferError()
    bench.publisher.pump()
    bench.broker.refusal = None

    bench.publisher.pump()
    bench.publisher.pump()

    assert bench.left() == 0


def test_a_refused_delivery_sends_everything_behind_it_again_in_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    bench.publisher.pump()
    first = list(bench.broker.sent)
    bench.broker.error = DENIED
    bench.publisher.pump()
    assert bench.left() == 4
    bench.broker.error = None
    bench.broker.sent.clear()

    seconds[0] += 1.0
    bench.publisher.pump()
    assert bench.broker.sent == first
    bench.publisher.pump()

    assert bench.left() == 0


def test_a_producer_that_failed_for_good_is_replaced_and_nothing_is_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    bench.publisher.pump()
    bench.broker.error = FATAL
    bench.publisher.pump()
    bench.broker.error = None
    assert bench.left() == 4

    seconds[0] += 1.0
    bench.publisher.pump()
    bench.publisher.pump()

    assert bench.broker.made == 2
    assert bench.left() == 0


def test_answers_of_a_replaced_producer_count_for_nothing(bench: Bench) -> None:
    bench.publisher.pump()
    old = list(bench.broker.queue)
    bench.publisher.reconnect("certificate")

    for _, _, answer in old:
        answer(None, None)
    bench.publisher.pump()

    assert bench.left() == 4


def test_what_a_killed_shipper_left_unacknowledged_goes_again(bench: Bench) -> None:
    bench.publisher.pump()

    again = Broker()
    publisher = Publisher(bench.outgoing, b"d" * 16, dict, lambda _: True, again.build)
    publisher.pump()

    assert [value for _, value in again.sent] == [value for _, value in bench.broker.sent]


def test_a_producer_that_dies_at_once_each_time_is_not_built_in_a_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    bench.broker.error = FATAL
    for _ in range(50):
        bench.publisher.pump()
        seconds[0] += 0.1

    assert bench.broker.made <= 5
