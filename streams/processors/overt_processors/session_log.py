"""Read overt.session.v1, or all of another topic's partitions, to the end of this moment.

A plain consumer with ``assign``: no group takes part, and the end is asked for after the call, so
whatever stood there when a partition became ours is read.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from overt_processors import telemetry
from overt_processors.backoff import Backoff
from overt_processors.core.sessions.state import newest
from overt_schemas import client, codec
from overt_schemas.errors import Malformed, Permanent, Transient
from overt_schemas.records import Session
from overt_schemas.topics import SESSION

_QUIET = logging.getLogger("librdkafka")
_TIMEOUT_S = 5.0
_POLL_S = 0.1
_BATCH = 500
_DENIED = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED,
})  # fmt: skip
BEGINNING_MS = 0


def read_sessions(
    connection: client.Config, partitions: Iterable[int], since_ms: int, stop: threading.Event
) -> dict[int, tuple[Session, ...]]:
    """Return the newest record of each session by partition, of records appended since then.

    Tries until the brokers answer. Blocks: for a thread.

    Raises:
        Permanent: this user may not read the topic.
        Transient: told to stop.
    """
    backoff, asked = Backoff(), tuple(partitions)
    if not asked:  # more workers than partitions; librdkafka refuses to be asked for none
        return {}
    while not stop.is_set():
        found: dict[int, list[Session]] = {partition: [] for partition in asked}
        try:
            for message in read_to_end(connection, SESSION, found, since_ms, stop):
                record = _session(message)
                if record is not None:
                    found[message.partition()].append(record)
        except Transient as exc:
            wait_s, backoff = backoff.next()
            telemetry.registries_lag(exc.reason)
            stop.wait(wait_s)
            continue
        return {p: tuple(newest(records).values()) for p, records in found.items()}
    raise Transient("stopped while reading sessions", reason="stopped")


def read_to_end(
    connection: client.Config, topic: str, partitions: Iterable[int], since_ms: int,
    stop: threading.Event, told: Callable[[int], object] = lambda _total: None,
) -> Iterator[Any]:  # fmt: skip
    """Yield all messages from that append time on up to the ends of this moment.

    ``told`` is called first, with how many offsets that is.

    Raises:
        Transient: the brokers do not answer, or told to stop.
        Permanent: this user may not read the topic.
    """
    config = client.registry_reader(connection, f"read-{topic}")
    consumer = Consumer({**config, "fetch.wait.max.ms": 100}, logger=_QUIET)
    try:
        ends = _at(consumer, [TopicPartition(topic, p, OFFSET_END) for p in partitions])
        starts = _starts(consumer, topic, ends, since_ms)
        waiting = {p for p, start in starts.items() if start < ends[p]}
        told(sum(ends[p] - starts[p] for p in waiting))
        consumer.assign([TopicPartition(topic, p, starts[p]) for p in waiting])
        while waiting:
            if stop.is_set():
                raise Transient("stopped while reading", reason="stopped")
            for message in consumer.consume(_BATCH, _POLL_S):
                partition, error = message.partition(), message.error()
                if error is None:
                    if message.offset() < ends[partition]:
                        yield message
                    if message.offset() + 1 >= ends[partition]:
                        waiting.discard(partition)
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(partition)
                elif error.code() in _DENIED:
                    raise _foreign(error)
    except KafkaException as exc:
        raise _foreign(exc.args[0]) from exc
    finally:
        consumer.close()


def _starts(consumer: Consumer, topic: str, ends: dict[int, int], since_ms: int) -> dict[int, int]:
    if since_ms == BEGINNING_MS:
        lows = {}
        for partition in ends:
            tp = TopicPartition(topic, partition)
            lows[partition] = consumer.get_watermark_offsets(tp, timeout=_TIMEOUT_S)[0]
        return lows
    found = _at(consumer, [TopicPartition(topic, p, since_ms) for p in ends])
    # Nothing so young: the brokers answer with the end, or with none.
    return {p: offset if offset >= 0 else ends[p] for p, offset in found.items()}


def _at(consumer: Consumer, asked: list[TopicPartition]) -> dict[int, int]:
    found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    for tp in found:
        if tp.error is not None:
            raise _foreign(tp.error)
    return {tp.partition: tp.offset for tp in found}


def _session(message: Any) -> Session | None:
    if message.value() is None:
        return None  # a person was erased
    try:
        return codec.decode(message.value(), Session)
    except Malformed as exc:
        telemetry.registry_refused(SESSION, exc.reason)
        return None


def _foreign(error: KafkaError) -> Permanent | Transient:
    if error.code() in _DENIED:
        return Permanent(
            f"the brokers refuse this user ({error.name()}): apply the topology",
            reason="not_authorised",
        )
    return Transient(f"the brokers do not answer ({error.name()})", reason="brokers_down")
