"""Rows of the spool to Kafka. The only place of the endpoint that sends content.

Idempotent producer, all replicas, rows in spool order, so each stream stays in order. ``produce``
may also refuse at once (no WRITE any more): the row then was not sent and is tried again later.
An idempotent producer that failed for good is thrown away and everything unacknowledged goes again.
Consent and presence go first, and content waits until its consent is registered.
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as KafkaProducer

from overt_producer import telemetry
from overt_producer.publish.lane import Lane
from overt_producer.spool.reader import CONTENT_LANE, FIRST_LANE, Outgoing, Row
from overt_schemas import client, topics
from overt_schemas.client import Config
from overt_schemas.errors import Permanent
from overt_schemas.ids import Stream

WINDOW_ROWS = 256
WINDOW_BYTES = 16 * 1_048_576
READ_ROWS = 32  # of up to a megabyte each, read at once
QUIET = (
    2  # librdkafka's own lines on stderr: what matters comes as an error and is an event of ours
)
_STATEMENTS = {"boot_end": topics.INPUT, "consent": topics.CONSENT, "presence": topics.PRESENCE}


class Producer(Protocol):
    """What is used of a confluent-kafka producer."""

    def produce(self, topic: str, **kwargs: Any) -> None:
        """Queue a record, or raise BufferError or KafkaException at once."""
        ...

    def poll(self, timeout: float) -> int:
        """Run callbacks."""
        ...

    def flush(self, timeout: float) -> int:
        """Wait for answers."""
        ...

    def purge(self) -> None:
        """Forget everything queued."""
        ...


class Publisher:
    """Publishes one endpoint's spool.

    Args:
        outgoing: the spool.
        device: the key of every record.
        connection: how to reach the broker, read anew for every producer that is built.
        may_publish: whether content under a consent may be sent.
        build: makes a producer; tests give another one.
    """

    def __init__(
        self, outgoing: Outgoing, device: bytes, connection: Callable[[], Config],
        may_publish: Callable[[str], bool], build: Callable[[Config], Producer] = KafkaProducer,
    ) -> None:  # fmt: skip
        self._outgoing, self._device = outgoing, device
        self._connection, self._may_publish, self._build = connection, may_publish, build
        self._lanes = {FIRST_LANE: Lane(), CONTENT_LANE: Lane()}
        self._answers: dict[int, tuple[list[int], list[int]]] = {}
        self._producer: Producer | None = None
        self._generation = 0
        self._fatal = ""
        self._bytes = 0
        self._rest = Lane()  # only for its back-off
        self.published = 0

    def pump(self, timeout_s: float = 0.0) -> None:
        """Take answers in, remove what is delivered, send what fits."""
        if self._producer is None and time.monotonic() < self._rest.not_before_s:
            time.sleep(timeout_s)
            return
        producer = self._open()
        producer.poll(timeout_s)
        self._settle()
        if self._fatal:
            # No right to write at all kills each new one as well: rest longer every time.
            self._rest = self._rest.refused(time.monotonic())
            self.reconnect(self._fatal)
            return
        for number in self._lanes:
            self._fill(number, producer)

    def finish(self, timeout_s: float) -> None:
        """Send nothing more and wait for answers; what has none is sent again next time."""
        if self._producer is not None:
            self._producer.flush(timeout_s)
            self._settle()

    def reconnect(self, reason: str) -> None:
        """Build a new producer, with the certificate as it is on disk now."""
        telemetry.producer_rebuilt(reason)
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(1.0)
        self._generation += 1
        self._producer, self._fatal, self._bytes = None, "", 0
        self._answers.clear()
        self._lanes = {number: lane.rewound() for number, lane in self._lanes.items()}

    @property
    def waiting(self) -> int:
        """Rows sent and not answered yet."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def _open(self) -> Producer:
        if self._producer is None:
            config = client.producer(self._connection())
            more: dict[str, Any] = {"error_cb": self._failed, "log_level": QUIET}
            try:
                self._producer = self._build({**config, **more})
            except KafkaException as exc:
                raise Permanent(
                    "the broker's client cannot be set up: transport.pem, transport.key or "
                    "broker-ca.pem is missing or broken; enrol again",
                    reason="transport",
                ) from exc
        return self._producer

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = "fatal"

    def _settle(self) -> None:
        for number, (good, bad) in self._answers.items():
            lane, rows = self._lanes[number].answered(good, bad)
            if rows:
                self._outgoing.trim(rows)
                self.published += len(rows)
                self._rest = Lane()
            if bad:
                lane = lane.refused(time.monotonic())
            self._lanes[number] = lane
        self._answers.clear()
        for number, lane in self._lanes.items():
            if lane.is_broken and not lane.waiting:
                self._lanes[number] = lane.rewound()

    def _fill(self, number: int, producer: Producer) -> None:
        lane = self._lanes[number]
        room = WINDOW_ROWS - len(lane.waiting)
        if room <= 0 or self._bytes > WINDOW_BYTES or not lane.is_open(time.monotonic()):
            return
        for row in self._outgoing.after(number, lane.cursor, min(room, READ_ROWS)):
            if self._bytes > WINDOW_BYTES:
                return
            if row.is_content and not self._may_publish(row.consent):
                return
            if not self._send(number, row, producer):
                return
            self._lanes[number] = self._lanes[number].sent(row.id)

    def _send(self, number: int, row: Row, producer: Producer) -> bool:
        topic = _STATEMENTS.get(row.kind) or topics.RAW[Stream(row.stream)]
        place, generation = self._lanes[number].next_number, self._generation

        def answered(error: KafkaError | None, _: object) -> None:
            if generation != self._generation:
                return
            self._bytes -= len(row.value)
            good, bad = self._answers.setdefault(number, ([], []))
            (good if error is None else bad).append(place)
            if error is not None:
                telemetry.publish_refused(topic, error.name())
                if error.fatal():
                    self._fatal = "fatal"

        try:
            producer.produce(topic, key=self._device, value=row.value, on_delivery=answered)
        except BufferError:
            return False
        except KafkaException as exc:
            error = exc.args[0]
            telemetry.publish_refused(topic, error.name())
            if error.fatal():
                self._fatal = "fatal"
            self._lanes[number] = self._lanes[number].refused(time.monotonic())
            return False
        self._bytes += len(row.value)
        return True
