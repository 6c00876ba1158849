"""A record into the producer's open batch: no coroutine and no future of its own.

aiokafka makes a future for each record and sends them by the batch, some ten at a time under load.
Here a record that fits the batch which is open for its partition is appended to that, and what is
given back is the *batch's* future: it is done when the brokers acknowledged all records in it, and
fails when they did not. Everything else (no batch open, full, closed, failed before, over the
size) takes aiokafka's own way, with its checks and waits.
"""

import asyncio
from typing import Any

from aiokafka.structs import TopicPartition

Future = asyncio.Future[Any]


class Sender:
    """Lives in the event loop's thread, beside the producer of a started app."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._places: dict[tuple[str, int], TopicPartition] = {}

    def append(self, topic: str, key: bytes, value: bytes, partition: int) -> Future | None:
        """Return the future of the batch that took the record; None where it has to be sent."""
        place = self._places.get((topic, partition))
        if place is None:
            place = self._places[topic, partition] = TopicPartition(topic, partition)
        # Private to aiokafka: where another version has it elsewhere, all takes its own way.
        accumulator = getattr(self._app.producer._producer, "_message_accumulator", None)
        if accumulator is None or accumulator._closed or accumulator._exception is not None:
            return None
        batches = accumulator._batches.get(place)
        # A batch exists: somebody sent to this partition, so it is known and has been written to.
        if not batches:
            return None
        batch = batches[-1]
        if batch._builder.append(timestamp=None, key=key, value=value) is None:
            return None
        future: Future = batch.future
        return future

    async def send(self, topic: str, key: bytes, value: bytes, partition: int) -> Future:
        """Return the future of a record, or of the batch that it is in."""
        future = self.append(topic, key, value, partition)
        if future is not None:
            return future
        # The aiokafka producer itself: Faust's own send costs as much as the whole of refine.
        sent: Future = await self._app.producer._producer.send(
            topic, value=value, key=key, partition=partition
        )
        return sent
