"""Wiring: what `overt-sink run` is made of, and the order in which it starts and stops."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from overt_schemas.clock import SystemClock
from overt_schemas.errors import EXIT_TIMED_OUT, Transient
from overt_sinks import brokers, settings, telemetry
from overt_sinks.crew import Crew
from overt_sinks.dead_letters import DeadLetters
from overt_sinks.index import Index
from overt_sinks.runner import Runner, Source
from overt_sinks.settings import Settings
from overt_sinks.state import StateDir
from overt_sinks.stores.proving import proven
from overt_sinks.stores.store import Store
from overt_sinks.writer import Writer

T = TypeVar("T")
# A store and brokers that start beside the sink get this long to answer.
_START_S = 10.0
_AGAIN_S = 0.3
# Closing the consumer may wait for a broker that is away; the chain does not need it.
_CLOSE_S = 0.8


class Stopped(Exception):
    """A signal came before the sink was up."""


def run(config: Settings) -> None:
    """Sink until SIGTERM or SIGINT; raise what stops it."""
    stop = _Stop(config.sink.stop_s)
    with StateDir(config.state_dir) as state, contextlib.suppress(Stopped):
        telemetry.sink_started(config.sink.topic, config.sink.group)
        index = Index(config.index.url)
        bucket = _patiently(lambda: checked_store(config), stop)
        _patiently(index.create, stop)
        topic = brokers.Topic(config.kafka, config.sink.topic)
        topic_id = _patiently(topic.id, stop)
        clock = SystemClock()
        letters = DeadLetters(lambda: brokers.open_producer(config.kafka), state.instance(), clock)
        writer = Writer(bucket, index, letters, clock)
        consumer = brokers.open_consumer(config.kafka, config.sink.group, state.instance())

        def ready(partitions: int) -> None:
            state.mark_ready()
            telemetry.sink_ready(partitions)

        with Crew(writer.run, config.sink.writers) as crew:
            runner = Runner(
                consumer=consumer, source=Source(topic=config.sink.topic, topic_id=topic_id),
                crew=crew, index=index, limits=config.sink.limits(), clock=clock, ready=ready,
                watch=topic,
            )  # fmt: skip
            try:
                runner.run(stop.is_asked, max(0.2, config.sink.stop_s - _CLOSE_S))
            finally:
                stop.watch()
                consumer.close()
        index.close()
    telemetry.sink_stopped()
    stop.done()


def checked_store(config: Settings) -> Store:
    """Return the hot bucket, once it has passed the start-up probe."""
    store = config.store
    bucket, found = proven(
        store.url, store.hot, settings.store_keys(store), settings.second_keys(store),
        settings.site(store), store.filer_probe_url,
    )  # fmt: skip
    telemetry.probe_passed(
        found.second_identity, bool(store.filer_probe_url), found.lost_answer, found.versioning
    )
    return bucket


class _Stop:
    """Signals, and the promise that stopping is bounded."""

    def __init__(self, stop_s: float) -> None:
        self._asked = threading.Event()
        self._limit_s = stop_s + _CLOSE_S
        self._watch: threading.Timer | None = None
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def is_asked(self) -> bool:
        """Whether a signal has come."""
        return self._asked.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether a signal comes within that time."""
        return self._asked.wait(timeout_s)

    def watch(self) -> None:
        """End the process if what follows takes too long; nothing is lost by that."""
        if self._watch is None:
            self._watch = threading.Timer(self._limit_s, _give_up)
            self._watch.daemon = True
            self._watch.start()

    def done(self) -> None:
        """Call the watch off."""
        if self._watch is not None:
            self._watch.cancel()

    def _ask(self, *_: Any) -> None:
        self._asked.set()
        self.watch()


def _give_up() -> None:
    telemetry.stop_overran()
    os._exit(EXIT_TIMED_OUT)


def _patiently(call: Callable[[], T], stop: _Stop) -> T:
    """Return what ``call`` returns, asking again for a while if nothing answers."""
    end = time.monotonic() + _START_S
    while True:
        try:
            return call()
        except Transient:
            if time.monotonic() > end:
                raise
        if stop.wait(_AGAIN_S):
            raise Stopped
