"""A grant's feed on Kafka: one partition, read without a group, from a little before now.

Nothing is committed: where to go on is what was read last, and after a restart the store has it
all. A feed that is missing or denied looks alike from here and may be either not made yet or taken
away: both are ``Transient``, and the authority knows which. A password that is wrong is not.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from overt_schemas import client, codec, feed
from overt_schemas.errors import Malformed, Refused, Transient
from overt_schemas.records import StoredPart
from overt_subscriber import telemetry
from overt_subscriber.source import Unreadable

# Whatever the sink still has in hand: it writes an object at least once a minute.
OVERLAP_MS = 120_000
_BATCH = 500
_TIMEOUT_S = 3.0  # nothing else is read meanwhile
# Brokers that have just started do not know their users yet.
_STRANGER_S = 15.0
_QUIET = logging.getLogger("librdkafka")
_QUIET.setLevel(logging.CRITICAL)
_BAD_LOGIN = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})
_GONE = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_ID,
})  # fmt: skip


class KafkaFeed:
    """``live.Feed`` by librdkafka. Not thread-safe."""

    def __init__(
        self, connection: client.Config, grant: str, *,
        now_s: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._topic, self._now_s = feed.topic_of(grant), now_s
        self._config: client.Config = {
            **client.registry_reader(connection, "feed"), "enable.partition.eof": False,
            # A feed holds records of up to 1 MiB; a reader need not hold many of them twice.
            "queued.max.messages.kbytes": 32_768,
        }  # fmt: skip
        self._consumer: Consumer | None = None
        self._next: int | None = None
        self._strange_since_s: float | None = None

    def open(self) -> None:
        """Begin a little before now, or go on behind what was read last."""
        self.close()
        self._consumer = Consumer({**self._config, "error_cb": self._heard}, logger=_QUIET)
        try:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, 0), timeout=_TIMEOUT_S
            )
            if self._next is None:
                since = TopicPartition(self._topic, 0, round(self._now_s() * 1000) - OVERLAP_MS)
                (found,) = self._consumer.offsets_for_times([since], timeout=_TIMEOUT_S)
                # With a clock that is wrong nothing is that young: the end is right as well.
                self._next = (
                    min(found.offset, high) if found.offset not in (OFFSET_END, -1) else high
                )
            # What retention took away while the store was read, the store has.
            self._next = min(max(self._next, low), high)
            self._consumer.assign([TopicPartition(self._topic, 0, self._next)])
        except KafkaException as exc:
            self._consumer.poll(0)  # errors of the connection are heard only here
            raise self._foreign(exc.args[0]) from exc
        self._strange_since_s = None
        telemetry.feed_opened(self._next)

    def poll(self, seconds: float) -> list[StoredPart | Unreadable]:
        """Return what came."""
        if self._consumer is None:
            raise Transient("the feed is not open", reason="feed_away")
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(_BATCH, 0)]
        records: list[StoredPart | Unreadable] = []
        for message in messages:
            error = message.error()
            if error is None:
                self._next = message.offset() + 1
                records.append(stored(message))
            elif error.code() in _GONE or error.code() in _BAD_LOGIN:
                if records:
                    return records  # said again by the next poll, or by the next fetch
                raise self._foreign(error)
            # The rest librdkafka mends by itself: brokers that are away, or a group nobody is in.
        return records

    def close(self) -> None:
        """Let go of the connection."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _heard(self, error: KafkaError) -> None:
        if error.code() in _BAD_LOGIN and self._strange_since_s is None:
            self._strange_since_s = time.monotonic()

    def _foreign(self, error: KafkaError) -> Transient | Refused:
        since_s = self._strange_since_s
        if since_s is not None and time.monotonic() - since_s >= _STRANGER_S:
            return Refused(
                "the brokers refuse this reader: check kafka.username and password_file",
                reason="kafka_login",
            )
        if error.code() in _GONE:
            return Transient("the grant's feed is not there", reason="feed_gone")
        return Transient("the brokers do not answer", reason="feed_away")


def stored(message: Any) -> StoredPart | Unreadable:
    """Return what the store would hold of a feed's record."""
    headers = dict(message.headers() or ())
    try:
        origin = headers.get(feed.ORIGIN) or b""
        topic_id, partition, offset, append_ms = feed.unpack_origin(origin)
        value = message.value() or b""
        kind = codec.schema_of(value)
    except Malformed as exc:
        return Unreadable(reason=exc.reason)
    return StoredPart(
        topic_id=topic_id, partition=partition, offset=offset, append_ms=append_ms,
        key=message.key() or b"", headers=(), schema_id=kind.id, value=value[codec.FRAME_BYTES :],
    )  # fmt: skip
