"""Dead letters: acknowledged or not sent, and whole unless too large."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from overt_schemas import codec, topics
from overt_schemas.errors import Permanent, Transient
from overt_schemas.records import DeadLetter
from overt_schemas.testing import FakeClock
from overt_sinks.dead_letters import DeadLetters
from tests.sinks.made import WHERE, aside


@dataclass
class ScriptedProducer:
    """A producer whose deliveries end as scripted: ok, an error, an exception or silence."""

    ends: list[object] = field(default_factory=list)
    written: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def produce(self, topic: str, *, key: bytes, value: bytes, on_delivery: Any) -> None:
        end = self.ends.pop(0) if self.ends else "ok"
        if isinstance(end, Exception):
            raise end
        # KafkaError does not compare with strings.
        if isinstance(end, str):
            if end == "ok":
                self.written.append((topic, key, value))
                self.waiting.append(lambda: on_delivery(None, None))
        else:
            self.waiting.append(lambda: on_delivery(end, None))

    def flush(self, _timeout: float) -> int:
        for call in self.waiting:
            call()
        self.waiting.clear()
        return 0


def _letters(producer: ScriptedProducer) -> DeadLetters:
    return DeadLetters(lambda: producer, "sink-1", FakeClock())


def test_a_letter_holds_the_record_as_it_came() -> None:
    producer = ScriptedProducer()

    _letters(producer).send(WHERE, [aside(7, b"\x00noise")])

    ((topic, key, value),) = producer.written
    assert (topic, key) == (topics.DEADLETTER, b"overt.part.v1/2")
    assert codec.decode(value, DeadLetter) == DeadLetter(
        topic="overt.part.v1", partition=2, offset=7, key=b"", value=b"\x00noise",
        reason="malformed", at_ms=1_764_000_000_000, processor="sink-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "end",
    [
        KafkaError(KafkaError._MSG_TIMED_OUT),
        KafkaException(KafkaError(KafkaError._QUEUE_FULL)),
        BufferError("full"),
        "silence",
    ],
    ids=["not delivered", "refused by the client", "queue full", "no answer"],
)
def test_a_letter_that_is_not_acknowledged_is_to_be_sent_again(end: object) -> None:
    producer = ScriptedProducer([end])

    with pytest.raises(Transient):
        _letters(producer).send(WHERE, [aside(7)])


def test_a_letter_over_the_limit_goes_without_its_value() -> None:
    producer = ScriptedProducer([KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))])

    _letters(producer).send(WHERE, [aside(7, b"large")])

    letter = codec.decode(producer.written[0][2], DeadLetter)
    assert (letter.value, letter.reason, letter.offset) == (b"", "oversize", 7)


def test_a_producer_that_gave_up_stops_the_sink() -> None:
    producer = ScriptedProducer([KafkaError(KafkaError._FATAL, "gone", fatal=True)])

    with pytest.raises(Permanent):
        _letters(producer).send(WHERE, [aside(7)])


def test_without_a_letter_no_producer_is_made() -> None:
    def fail() -> object:
        raise AssertionError("nothing was to be sent")

    DeadLetters(fail, "sink-1", FakeClock()).send(WHERE, [])
