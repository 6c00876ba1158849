"""Records to Kafka, acknowledged.

``publish`` returns when all replicas in sync have every record, or raises ``Transient``; then any
of them may or may not have arrived, and the caller says all of them again, in order.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from overt_schemas import client
from overt_schemas.errors import Transient

_DELIVERY_MS = 8_000  # after that librdkafka gives the record up for good
_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One record on its way to a topic."""

    topic: str
    key: bytes | None
    value: bytes


class Publisher(Protocol):
    """What the authority needs of Kafka to speak."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is acknowledged, in order."""
        ...

    def check(self) -> None:
        """Return if the brokers answer, else raise ``Transient``."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class MemoryPublisher:
    """The twin: keeps what was published; ``down`` makes it refuse."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.down = False

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Keep the records, or refuse all of them."""
        self.check()
        self.records.extend(records)

    def check(self) -> None:
        """Refuse while ``down``."""
        if self.down:
            raise Transient("brokers do not acknowledge", reason="kafka")

    def close(self) -> None:
        """Keep everything."""

    def of(self, topic: str) -> list[Outgoing]:
        """Return what was published to a topic."""
        return [record for record in self.records if record.topic == topic]


class _Delivery:
    """Counts the acknowledgements of one call; callbacks come from any thread that polls."""

    def __init__(self, count: int) -> None:
        self._lock, self._left = threading.Lock(), count
        self.failed = ""

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        with self._lock:
            self._left -= 1
            if error is not None:
                self.failed = error.name()

    def is_done(self) -> bool:
        return self._left == 0


class KafkaPublisher:
    """An idempotent producer; may be used by several threads."""

    def __init__(self, connection: client.Config) -> None:
        self._config = {
            **client.producer(connection), "delivery.timeout.ms": _DELIVERY_MS,
            "request.timeout.ms": 5_000, "log_level": 2,
        }  # fmt: skip
        self._making = threading.Lock()
        self._producer = Producer(self._config)

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is acknowledged, in order."""
        producer, delivery = self._producer, _Delivery(len(records))
        try:
            for record in records:
                producer.produce(
                    record.topic, key=record.key, value=record.value, on_delivery=delivery
                )
        except (KafkaException, BufferError) as exc:
            self._renew(producer)
            raise Transient("brokers take no record", reason="kafka") from exc
        deadline = time.monotonic() + _DEADLINE_S
        while not delivery.is_done() and time.monotonic() < deadline:
            producer.poll(0.05)
        if delivery.failed or not delivery.is_done():
            self._renew(producer)
            raise Transient("brokers do not acknowledge", reason="kafka")

    def check(self) -> None:
        """Return if the brokers answer, else raise ``Transient``."""
        try:
            self._producer.list_topics(timeout=2)
        except KafkaException as exc:
            raise Transient("brokers do not answer", reason="kafka") from exc

    def close(self) -> None:
        """Wait shortly for what is in flight."""
        self._producer.flush(1)

    def _renew(self, broken: Producer) -> None:
        # After a fatal error (a fenced or unauthorised idempotent producer) an instance never
        # works again; a new one costs a connection.
        with self._making:
            if self._producer is broken:
                broken.purge()
                self._producer = Producer(self._config)
