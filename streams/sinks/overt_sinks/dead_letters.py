"""Dead letters: records that do not parse, as they came. SHELL.

A letter is acknowledged before the object that passes over its offset is created, so nothing is
ever set aside and lost. After a crash in between the letter is written again: readers of the topic
know it by source and offset.
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

from overt_schemas import codec, topics
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent, Transient
from overt_schemas.records import DeadLetter
from overt_sinks.naming import Partition
from overt_sinks.taken import Taken

# The chain asks again; a longer life would only make repeats.
TIMEOUT_S = 5.0
_TOO_LARGE = "oversize"


class Letters(Protocol):
    """Where records that do not parse go; ``overt_sinks.testing.KeptLetters`` is the twin."""

    def send(self, partition: Partition, records: Iterable[Taken]) -> None:
        """Return once every letter is acknowledged.

        Raises:
            Transient: some are not; send them again.
        """
        ...


class DeadLetters:
    """Letters on ``overt.deadletter.v1``; the producer is made for the first, mostly never."""

    def __init__(self, open_producer: Callable[[], Any], processor: str, clock: Clock) -> None:
        self._open = open_producer
        self._producer: Any = None
        self._processor = processor
        self._clock = clock
        self._lock = Lock()

    def send(self, partition: Partition, records: Iterable[Taken]) -> None:
        """Return once every letter is acknowledged; a letter over the limit goes without value."""
        for record in records:
            with self._lock:
                self._send(partition, record)

    def _send(self, partition: Partition, record: Taken) -> None:
        self._producer = self._producer or self._open()
        error = self._sent(partition, record, record.value, record.reason)
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            error = self._sent(partition, record, b"", _TOO_LARGE)
        if error is not None and error.fatal():
            raise Permanent("the producer of dead letters gave up", reason="dead_letter")
        if error is not None:
            raise Transient("a dead letter was not acknowledged", reason="dead_letter")

    def _sent(
        self, partition: Partition, record: Taken, value: bytes, reason: str
    ) -> KafkaError | None:
        letter = DeadLetter(
            topic=partition.topic, partition=partition.number, offset=record.offset,
            key=record.key, value=value, reason=reason,
            at_ms=self._clock.wall_us() // 1000, processor=self._processor,
        )  # fmt: skip
        errors: list[KafkaError | None] = []
        try:
            self._producer.produce(
                topics.DEADLETTER,
                key=f"{partition.topic}/{partition.number}".encode(),
                value=codec.encode(letter),
                on_delivery=lambda error, _message: errors.append(error),
            )
            self._producer.flush(2 * TIMEOUT_S)
        except KafkaException as exc:
            error: KafkaError = exc.args[0]
            return error
        except BufferError as exc:
            raise Transient("too many dead letters wait", reason="dead_letter") from exc
        if not errors:
            raise Transient("a dead letter was not acknowledged", reason="dead_letter")
        return errors[0]
