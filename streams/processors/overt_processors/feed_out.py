"""The producing side of the feed app: a librdkafka producer of its own, and the lanes in front.

Not Faust's producer: aiokafka's waits for the metadata of a topic that is not there, and Faust
flushes it before each commit, so one feed that is stuck would hold up the commits of all. Not
idempotent either: after a time-out an idempotent producer waits until *all* topics are empty before
it goes on. Repeats and order are the reader's set of batches to settle, as with everything here.

Delivery reports come in a thread and are handed to the event loop in one call for many.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from overt_processors import telemetry
from overt_processors.core.lanes import Answer, Lanes
from overt_schemas import client, feed

Headers = list[tuple[str, bytes]]
Told = Callable[[str, int, str], None]  # grant, token, why it was not taken or ""
_QUIET = logging.getLogger("librdkafka")
_QUIET.setLevel(logging.CRITICAL)
_POLL_S = 0.1
# The lanes give up after 2 s; what librdkafka still holds then is gone soon after.
_TIMEOUT_MS = 5000
_WORDS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "denied", KafkaError.UNKNOWN_TOPIC_OR_PART: "missing",
    KafkaError._UNKNOWN_TOPIC: "missing", KafkaError._UNKNOWN_PARTITION: "missing",
    KafkaError._MSG_TIMED_OUT: "late", KafkaError.MSG_SIZE_TOO_LARGE: "size",
}  # fmt: skip
LATE, CUT, FULL, SIZE, OTHER = "late", "cut_off", "full", "size", "refused"


class Port(Protocol):
    """What records leave by."""

    def open(self, told: Told) -> None:
        """Be ready; ``told`` is called in the running loop's thread. Again: nothing happens."""
        ...

    def produce(self, grant: str, token: int, value: bytes, key: bytes, headers: Headers) -> bool:
        """Hand a record over without waiting; False if there is no room for it."""
        ...


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Records on their way to feeds. Lives in the event loop's thread, but for librdkafka's own."""

    port: Port
    lanes: Lanes = field(default_factory=Lanes)
    now_s: Callable[[], float] = time.monotonic
    _waiting: dict[int, "asyncio.Future[None]"] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        """Be ready to send; called in the event loop."""
        self.port.open(self.told)

    async def room(self, grants: Iterable[str], size: int) -> bool:
        """Return once no feed has to be waited for, and whether one had to.

        Each is waited for while it has too much on its way, at most as long as it may be late.
        """
        waited = False
        for grant in grants:
            while self.lanes.ask(grant, size, self.now_s()) is Answer.WAIT:
                waited = True
                self._moved.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), _POLL_S)
                self.look()
        return waited

    async def send(
        self, grant: str, value: bytes, key: bytes, headers: Headers
    ) -> "asyncio.Future[None] | None":
        """Return what is done once the record is settled on this feed; None if it is already.

        Waits as ``room`` does.
        """
        size = len(value)
        await self.room((grant,), size)
        if self.lanes.ask(grant, size, self.now_s()) is Answer.DROP:
            telemetry.outcome("passed", CUT)
            return None
        token = self.lanes.send(grant, size, self.now_s())
        future = self._waiting[token] = asyncio.get_running_loop().create_future()
        if not self.port.produce(grant, token, value, key, headers):
            self.told(grant, token, FULL)
        return future

    def told(self, grant: str, token: int, why: str) -> None:
        """Take a delivery report."""
        if not why:
            telemetry.outcome("fed")
            if self.lanes.delivered(grant, token, self.now_s()):
                self._settle([token])
        elif why == SIZE:
            # A feed's record is a little larger than the part: one too large is let go alone.
            telemetry.outcome("passed", SIZE)
            if self.lanes.passed(grant, token):
                self._settle([token])
        else:
            was_open = self.lanes.is_open(grant)
            gone = self.lanes.refused(grant, token, self.now_s())
            self._let_go(grant, gone, why, was_open=was_open)
        self._moved.set()

    def look(self) -> None:
        """Cut the feeds that are late."""
        for grant, gone in self.lanes.overdue(self.now_s()).items():
            self._let_go(grant, gone, LATE, was_open=True)

    def forget(self) -> None:
        """Let nobody wait any more: the records belong to somebody else now."""
        self._settle(list(self._waiting))

    def _let_go(self, grant: str, gone: list[int], why: str, *, was_open: bool) -> None:
        if was_open and not self.lanes.is_open(grant):
            telemetry.feed_cut_off(grant, why)
        for _ in gone:
            telemetry.outcome("passed", why)
        self._settle(gone)

    def _settle(self, tokens: list[int]) -> None:
        for token in tokens:
            future = self._waiting.pop(token, None)
            if future is not None and not future.done():
                future.set_result(None)


class KafkaPort:
    """librdkafka behind ``Port``. Its thread lives until the process ends."""

    def __init__(self, connection: client.Config) -> None:
        self._config = settings(connection)
        self._reports: deque[tuple[str, int, str]] = deque()
        self._is_calling = False
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Told | None = None

    def open(self, told: Told) -> None:
        """Connect, once."""
        if self._producer is not None:
            return
        self._loop, self._told = asyncio.get_running_loop(), told
        self._producer = Producer(self._config, logger=_QUIET)
        threading.Thread(
            target=_poll, args=(self._producer,), name="feed-reports", daemon=True
        ).start()

    def produce(self, grant: str, token: int, value: bytes, key: bytes, headers: Headers) -> bool:
        """Hand a record over to librdkafka's queue."""

        def reported(error: KafkaError | None, _message: Any) -> None:
            self._report(grant, token, _word(error) if error is not None else "")

        assert self._producer is not None, "not open"  # noqa: S101
        try:
            self._producer.produce(
                feed.topic_of(grant), value, key, partition=0, headers=list(headers),
                on_delivery=reported,
            )  # fmt: skip
        except BufferError:
            return False
        except KafkaException as exc:
            self._report(grant, token, _word(exc.args[0]))
        return True

    def _report(self, grant: str, token: int, why: str) -> None:
        with self._lock:
            self._reports.append((grant, token, why))
            if self._is_calling:
                return
            self._is_calling = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the process with it
                self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            reports, self._reports = self._reports, deque()
            self._is_calling = False
        for grant, token, why in reports:
            if self._told is not None:
                self._told(grant, token, why)


def _poll(producer: Producer) -> None:
    while True:
        producer.poll(_POLL_S)


def settings(connection: client.Config) -> client.Config:
    """Return the producer's configuration."""
    return {
        **client.producer(connection), "enable.idempotence": False, "linger.ms": 5,
        "message.timeout.ms": _TIMEOUT_MS, "request.timeout.ms": _TIMEOUT_MS - 1000,
        # A feed that the reconciler has not made yet is looked for again by the next try.
        "topic.metadata.propagation.max.ms": 1000, "allow.auto.create.topics": False,
        # Every lane may be full at once when the brokers are away; more than this is let go.
        "queue.buffering.max.kbytes": 262_144, "queue.buffering.max.messages": 100_000,
    }  # fmt: skip


def _word(error: KafkaError) -> str:
    return _WORDS.get(error.code(), OTHER)
