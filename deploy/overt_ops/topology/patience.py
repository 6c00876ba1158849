"""Calls to brokers that may still be settling, and what their errors mean.

Foreign errors become ``Transient`` (the brokers cannot be reached, or take too long to settle) or
``Permanent`` (they say no).
"""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from overt_schemas.errors import OvertError, Permanent, Transient

T = TypeVar("T")
TIMEOUT_S = 30
_PAUSE_S = 0.1
# A coordinator that has just started is still loading, a topic just made has no leader yet;
# librdkafka's admin calls do not wait for either.
_SETTLING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._NOENT,  # "no leaders found"
        KafkaError._UNKNOWN_PARTITION,
    }
)
# How a group with members refuses a commit from outside.
_BUSY = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION})


def translated(exc: KafkaException) -> OvertError:
    """Return the error as one of ours."""
    error = exc.args[0]
    if error.code() in _BUSY:
        return Permanent(
            "a group has members, so its first offset cannot be set: "
            "stop its processes and apply again",
            reason="group_busy",
        )
    away = error.retriable() or error.code() < 0 or error.code() in _SETTLING
    kind = Transient if away else Permanent
    return kind(f"kafka: {error.str()}", reason="kafka")


def patiently(call: Callable[[], T]) -> T:
    """Return what ``call`` returns; it is made again while the brokers are still settling."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return call()
        except KafkaException as exc:
            if exc.args[0].code() not in _SETTLING or time.monotonic() > deadline:
                raise translated(exc) from exc
            time.sleep(_PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)


def results(call: Callable[[], Iterable["Future[Any]"]]) -> list[Any]:
    """Return the results of an administrative call."""
    return patiently(lambda: [future.result(TIMEOUT_S) for future in call()])
