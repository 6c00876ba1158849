"""The registries at hand: a plain consumer in its own thread, no group, always reading on.

Everything is read to its end before the first record of content is looked at. Later, whoever meets
something unknown calls ``read_on``: the thread asks the brokers for the end offsets of that moment,
at most once a second, reads up to them, and answers. There is no timer: what is unknown then is
unknown.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from overt_processors import telemetry
from overt_processors.acknowledge import EXIT_REDELIVER, die
from overt_processors.core.registry import News, Registries, learn
from overt_schemas import client, codec
from overt_schemas.errors import Malformed, Transient
from overt_schemas.records import Signed
from overt_schemas.signing import Keyring
from overt_schemas.topics import BEACON, CATALOGUE, CONTROL, DEVICE, PERSON

# librdkafka's own lines; errors that matter come through `consume`.
_QUIET = logging.getLogger("librdkafka")
_QUIET.setLevel(logging.CRITICAL)
_POLL_S = 0.1
_BATCH = 500
_TOPICS = (CONTROL, DEVICE, PERSON, BEACON)  # what refine needs
_ASK_EVERY_S = 1.0
_TIMEOUT_S = 5.0


class RegistryReader:
    """Holds the registries; ``current`` may be read from any thread and never changes in place."""

    def __init__(
        self,
        connection: client.Config,
        root: bytes,
        name: str,
        topics: tuple[str, ...] = _TOPICS,
        content: str | None = None,
    ) -> None:
        self._topics = topics
        partitions = CATALOGUE[content].partitions if content else 0
        self._content = [TopicPartition(content, p, OFFSET_END) for p in range(partitions)]
        self.current = Registries(keyring=Keyring(root=root))
        # A fetch that waits half a second for bytes would make a start and ``read_on`` wait, too.
        self._config = {**client.registry_reader(connection, name), "fetch.wait.max.ms": 100}
        self._reached: dict[str, int] = {}
        self._news: list[News] = []
        self._waiters: list[Future[Mapping[int, int]]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._first: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="registries", daemon=True)

    def __enter__(self) -> "RegistryReader":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(_TIMEOUT_S)

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Return once everything that stood in the registries at the start has been read."""
        self._first.result(timeout_s)

    def read_on(self) -> "Future[Mapping[int, int]]":
        """Return a future that is done once the registries were read to the end of a later moment.

        Every caller gets an end that was asked for *after* its call, so what an answer does not
        hold did not stand there when the caller met it. The result is the end of each partition of
        ``content`` just before that moment: all below was appended before the registries ended.
        """
        future: Future[Mapping[int, int]] = Future()
        with self._lock:
            self._waiters.append(future)
        return future

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as exc:
            if not self._stopping.is_set():
                die(EXIT_REDELIVER, "registries_failed", error=type(exc).__name__)

    def _follow(self) -> None:
        consumer = Consumer(self._config, logger=_QUIET)
        try:
            consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in self._topics])
            self._read_to_end(consumer)
            now = self._believe()
            telemetry.registries_read(
                len(now.devices), len(now.persons), len(now.beacons.leases), now.keyring.version
            )
            self._first.set_result(None)
            asked_s = 0.0
            while not self._stopping.is_set():
                self._take(consumer.consume(_BATCH, _POLL_S))
                self._believe()
                if self._waiters and time.monotonic() - asked_s >= _ASK_EVERY_S:
                    asked_s = time.monotonic()
                    with self._lock:
                        waiters, self._waiters = self._waiters, []
                    content = self._ends(consumer, self._content)
                    self._read_to_end(consumer)
                    self._believe()
                    answer(waiters, {tp.partition: tp.offset for tp in content})
        finally:
            consumer.close()

    def _read_to_end(self, consumer: Consumer) -> None:
        ends = self._ends(consumer, [TopicPartition(t, 0, OFFSET_END) for t in self._topics])
        while not self._stopping.is_set():
            if all(self._reached.get(tp.topic, 0) >= tp.offset for tp in ends):
                return
            self._take(consumer.consume(_BATCH, _POLL_S))

    def _ends(self, consumer: Consumer, asked: list[TopicPartition]) -> list[TopicPartition]:
        """Return the end offsets of this moment, in one request to the brokers."""
        while asked and not self._stopping.is_set():
            try:
                found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
            except KafkaException as exc:
                telemetry.registries_lag(exc.args[0].name())
                self._stopping.wait(_POLL_S)
                continue
            failed = [tp.error.name() for tp in found if tp.error is not None]
            if not failed:
                return list(found)
            telemetry.registries_lag(failed[0])
            self._stopping.wait(_POLL_S)
        if not asked:
            return []
        raise Transient("stopped while reading the registries", reason="stopped")

    def _take(self, messages: Iterable[Any]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._reached[message.topic()] = message.offset() + 1
                self._news += _read(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._reached[message.topic()] = message.offset()
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                # (That one is as it should be: no group takes part, but the client looks for it.)
                # librdkafka goes on by itself; whoever waits, waits until it does.
                telemetry.registries_lag(error.name())

    def _believe(self) -> Registries:
        """Learn what was read; at the start all of it at once, so that the keys come first."""
        if self._news:
            learnt = learn(self.current, self._news)
            self._news = []
            self.current = learnt.registries
            for reason in learnt.refused:
                telemetry.registry_refused("registry", reason)
        return self.current


def answer(waiters: Iterable["Future[Mapping[int, int]]"], ends: Mapping[int, int]) -> None:
    """Let go of who waits; a rebalance or a stop may have taken some of them away."""
    for waiter in waiters:
        if waiter.set_running_or_notify_cancel():
            waiter.set_result(ends)


def _read(message: Any) -> list[News]:
    if message.value() is None:
        return []  # a compaction tombstone teaches nothing
    try:
        signed = codec.decode(message.value(), Signed)
    except Malformed as exc:
        telemetry.registry_refused(message.topic(), exc.reason)
        return []
    append_ms = message.timestamp()[1]
    telemetry.registry_record(append_ms)
    return [News(signed=signed, append_ms=append_ms)]
