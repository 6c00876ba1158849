"""Records that share a batch share its future; whatever is unusual takes aiokafka's own way."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import TopicPartition

from overt_processors.acknowledge import EXIT_REDELIVER, Acknowledger
from overt_processors.sending import Sender

_PLACE = TopicPartition("out", 2)


class Producer:
    """aiokafka's accumulator, without brokers: ``sent`` counts what came its own way."""

    def __init__(self, size: int = 10_000) -> None:
        cluster = SimpleNamespace(leader_for_partition=lambda _: 1)
        self._message_accumulator = MessageAccumulator(cluster, size, 0, 30)
        self.sent = 0

    async def send(self, topic: str, value: bytes, key: bytes, partition: int) -> Any:
        """Add a record as aiokafka does, who then gives a future of its own for it."""
        self.sent += 1
        place = TopicPartition(topic, partition)
        return await self._message_accumulator.add_message(place, key, value, 0.001)

    def drain(self) -> list[Any]:
        """Take the batches, as its sender task does."""
        nodes, _ = self._message_accumulator.drain_by_nodes(ignore_nodes=[])
        return [batch for batches in nodes.values() for batch in batches.values()]


def sender_on(producer: Producer) -> Sender:
    return Sender(SimpleNamespace(producer=SimpleNamespace(_producer=producer)))


def values_of(batch: Any) -> list[bytes]:
    return [bytes(r.value) for r in DefaultRecordBatch(bytes(batch.get_data_buffer()))]


def test_records_of_one_batch_are_all_in_it_and_are_done_with_it() -> None:
    async def scenario() -> None:
        producer = Producer()
        sender = sender_on(producer)
        futures = [await sender.send("out", b"k", b"%d" % n, 2) for n in range(5)]
        (batch,) = producer.drain()

        assert producer.sent == 1
        assert values_of(batch) == [b"0", b"1", b"2", b"3", b"4"]
        assert not any(future.done() for future in futures)
        batch.done(base_offset=7)
        assert all(future.done() for future in futures)

    asyncio.run(scenario())


def test_a_batch_that_is_full_or_was_taken_takes_nothing_more() -> None:
    async def scenario() -> None:
        producer = Producer(size=300)
        sender = sender_on(producer)
        await sender.send("out", b"k", bytes(100), 2)
        await sender.send("out", b"k", bytes(100), 2)

        assert sender.append("out", b"k", bytes(100), 2) is None  # full, and closed by that
        assert sender.append("out", b"k", b"", 2) is None
        (batch,) = producer.drain()
        assert sender.append("out", b"k", b"", 2) is None  # taken
        batch.done(base_offset=0)
        await sender.send("out", b"k", b"next", 2)
        assert producer.sent == 2

    asyncio.run(scenario())


def test_a_producer_that_closes_or_has_failed_takes_nothing_on_the_short_way() -> None:
    async def scenario() -> None:
        for field, value in (("_closed", True), ("_exception", OSError("gone"))):
            producer = Producer()
            sender = sender_on(producer)
            await sender.send("out", b"k", b"0", 2)
            setattr(producer._message_accumulator, field, value)

            assert sender.append("out", b"k", b"1", 2) is None

    asyncio.run(scenario())


def test_a_batch_that_fails_ends_the_process_once_for_all_its_records() -> None:
    ends: list[tuple[int, int]] = []

    def fail(code: int, _cause: str, **facts: Any) -> None:
        ends.append((code, facts["offset"]))

    async def scenario() -> None:
        producer, acked = Producer(), list[int]()
        sender, acknowledger = sender_on(producer), Acknowledger(fail=fail)
        for offset in range(4):
            future = await sender.send("out", b"k", b"v", 2)
            acknowledger.take("tp", offset, lambda: acked.append(0), 1, 0, future)
        (batch,) = producer.drain()
        batch.failure(OSError("gone"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert acked == []
        assert acknowledger.processed() == {}

    asyncio.run(scenario())

    assert {code for code, _ in ends} == {EXIT_REDELIVER}
    assert sorted(offset for _, offset in ends) == [0, 1]  # the first has a future of its own
