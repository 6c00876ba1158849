"""Consent and presence from Kafka: a plain consumer in a thread.

Records are committed once SQL has them and Kafka has what follows from them. What can never
count is counted and left behind; what cannot be done *now* is tried again, and nothing behind it
is taken meanwhile.
"""

import threading
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from confluent_kafka import Consumer, KafkaError, KafkaException

from overt_authority import telemetry
from overt_authority.consent.store import Receipts
from overt_authority.database import Database
from overt_authority.devices import store as devices
from overt_authority.presence import rules as presence_rules
from overt_authority.presence import store as presence
from overt_schemas import client, codec, topics
from overt_schemas.errors import Permanent, Refused, Transient
from overt_schemas.records import Presence, Signed
from overt_schemas.signing import device_key_id, open_record

GROUP = "authority"
_POLL_S = 0.1
_BATCH = 200
_RETRY_S = 0.5


def take_presence(database: Database, values: Sequence[bytes]) -> None:
    """Keep what of many presence records is signed by its device and the latest, at once."""
    with database.write() as db:
        for framed in values:
            try:
                _keep_presence(db, framed)
            except Permanent as exc:
                telemetry.record_ignored(topics.PRESENCE, exc.reason)
    telemetry.presence_taken(len(values))


def take_receipts(receipts: Receipts, values: Sequence[bytes]) -> None:
    """Take consent receipts, one after the other: each is logged and published by itself."""
    for framed in values:
        try:
            receipts.take(framed)
        except Permanent as exc:
            telemetry.record_ignored(topics.CONSENT, exc.reason)


class Inbox:
    """Reads the two topics until told to stop."""

    def __init__(
        self,
        connection: client.Config,
        takers: dict[str, Callable[[Sequence[bytes]], None]],
        stop: threading.Event,
    ) -> None:
        # A static member is back in its place at once after a crash, without a rebalance.
        self._config = {
            **client.consumer(connection, GROUP), "group.instance.id": GROUP, "log_level": 2,
            "session.timeout.ms": 10_000,
        }  # fmt: skip
        self._takers, self._stop = takers, stop

    def run(self) -> None:
        """Take records until stopped; a broken consumer is made anew."""
        while not self._stop.is_set():
            consumer = Consumer(self._config)
            try:
                consumer.subscribe(list(self._takers))
                while not self._stop.is_set():
                    self._step(consumer)
            except KafkaException as exc:
                telemetry.work_deferred("inbox", _code(exc))
                self._stop.wait(_RETRY_S)
            finally:
                consumer.close()

    def _step(self, consumer: Consumer) -> None:
        values: dict[str, list[bytes]] = {topic: [] for topic in self._takers}
        for message in consumer.consume(_BATCH, _POLL_S):
            if (error := message.error()) is None:
                values[message.topic() or ""].append(message.value() or b"")
            elif error.retriable() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                telemetry.work_deferred("inbox", error.name())
                self._stop.wait(_RETRY_S)
            else:
                raise KafkaException(error)
        if any(values.values()) and all(self._take(t, v) for t, v in values.items() if v):
            # Everything the consumer gave us so far is taken; of some partitions that is nothing.
            places = consumer.position(consumer.assignment())
            taken = [place for place in places if place.offset >= 0]
            consumer.commit(offsets=taken, asynchronous=True)

    def _take(self, topic: str, values: list[bytes]) -> bool:
        while not self._stop.is_set():
            try:
                self._takers[topic](values)
            except Transient as exc:
                telemetry.work_deferred(topic, exc.reason)
                self._stop.wait(_RETRY_S)
            else:
                return True
        return False


def inbox(
    connection: client.Config, database: Database, receipts: Receipts, stop: threading.Event
) -> Inbox:
    """Return the consumer of both topics."""
    takers: dict[str, Callable[[Sequence[bytes]], None]] = {
        topics.CONSENT: lambda values: take_receipts(receipts, values),
        topics.PRESENCE: lambda values: take_presence(database, values),
    }
    return Inbox(connection, takers, stop)


def _keep_presence(db: sa.Connection, framed: bytes) -> None:
    signed = codec.decode(framed, Signed)
    said = codec.unpack(Presence, signed.body)
    device = devices.find(db, said.device)
    if device is None or signed.key_id != device_key_id(said.device):
        raise Refused("presence of no known device", reason="device")
    open_record(signed, device.signing_key, Presence)
    if presence_rules.is_newer(presence.find(db, said.device), said):
        presence.keep(db, said)


def _code(exc: KafkaException) -> str:
    error = exc.args[0] if exc.args else None
    return error.name() if isinstance(error, KafkaError) else "kafka"
