"""Consent and presence from Kafka: a plain consumer in a thread.

A record is committed once SQL and the outbox have it. What can never count is counted and left
behind; what cannot be done *now* is tried again, and nothing behind it is taken meanwhile.
"""

import threading
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from overt_authority import telemetry
from overt_authority.database import Database
from overt_authority.devices import store as devices
from overt_authority.presence import rules as presence_rules
from overt_authority.presence import store as presence
from overt_schemas import client, codec, topics
from overt_schemas.errors import Permanent, Refused, Transient
from overt_schemas.records import Presence, Signed
from overt_schemas.signing import device_key_id, open_record

GROUP = "authority"
_POLL_S = 0.2
_RETRY_S = 0.5


def take_presence(database: Database, framed: bytes) -> None:
    """Keep a presence record if its device signed it and it is the latest.

    Raises:
        Permanent: it is neither.
    """
    signed = codec.decode(framed, Signed)
    said = codec.unpack(Presence, signed.body)
    with database.write() as db:
        device = devices.find(db, said.device)
        if device is None or signed.key_id != device_key_id(said.device):
            raise Refused("presence of no known device", reason="device")
        open_record(signed, device.signing_key, Presence)
        if presence_rules.is_newer(presence.find(db, said.device), said):
            presence.keep(db, said)
    telemetry.presence_taken()


class Inbox:
    """Reads the two topics until told to stop."""

    def __init__(
        self,
        connection: client.Config,
        takers: dict[str, Callable[[bytes], None]],
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
        message = consumer.poll(_POLL_S)
        if message is None:
            return
        if (error := message.error()) is not None:
            if error.retriable() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                telemetry.work_deferred("inbox", error.name())
                self._stop.wait(_RETRY_S)
                return
            raise KafkaException(error)
        if self._take(message):
            consumer.store_offsets(message=message)
            consumer.commit(message=message, asynchronous=True)

    def _take(self, message: Message) -> bool:
        topic, value = message.topic() or "", message.value() or b""
        while not self._stop.is_set():
            try:
                self._takers[topic](value)
            except Permanent as exc:
                telemetry.record_ignored(topic, exc.reason)
            except Transient as exc:
                telemetry.work_deferred(topic, exc.reason)
                self._stop.wait(_RETRY_S)
                continue
            return True
        return False


def inbox(
    connection: client.Config, database: Database, receipt: Callable[[bytes], None],
    stop: threading.Event,
) -> Inbox:  # fmt: skip
    """Return the consumer of both topics."""
    takers = {
        topics.CONSENT: receipt,
        topics.PRESENCE: lambda framed: take_presence(database, framed),
    }
    return Inbox(connection, takers, stop)


def _code(exc: KafkaException) -> str:
    error = exc.args[0] if exc.args else None
    return error.name() if isinstance(error, KafkaError) else "kafka"
