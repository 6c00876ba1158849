"""A record on its way from the consumer into the agent's buffer, without four tasks for each.

Faust hands every record to its stream by ``wait_first(callback(record), suspend_flow.wait())``:
four tasks and a wait, a fifth of what a batch costs in refine, although the callback waits for
nothing unless the buffer is full. Here the callback is first run as far as it goes; if it comes to
its end, that is all; if it has to wait, Faust's own way goes on from where it stands. What happens
on a suspend, a stop or a failure is Faust's, unchanged.
"""

import types
from collections.abc import Coroutine, Generator
from time import monotonic
from typing import Any

import faust
from faust.sensors import Monitor


class App(faust.App):
    """A Faust app whose consumer does so, and that counts nothing nobody reads."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, monitor=Quiet(), **more)

    def _new_consumer(self) -> Any:
        consumer = super()._new_consumer()
        consumer.wait_first = hastened(consumer.wait_first)
        return consumer

    def _new_producer(self) -> Any:
        producer = super()._new_producer()
        producer.buffer.wait_until_ebb = _at_once
        return producer


class Quiet(Monitor):
    """Faust's own counts, of which it reads back one: when each partition last gave a record."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """Do nothing."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> None:
        """Note the time, from which Faust tells that a stream stands still."""
        self.stream_inbound_time[tp] = monotonic()

    def on_stream_event_out(
        self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None
    ) -> None:
        """Do nothing."""

    def on_message_out(self, tp: Any, offset: int, message: Any) -> None:
        """Do nothing."""


async def _at_once() -> None:
    """Wait for nothing: no processor puts anything into the buffer that Faust looks at here."""


class AsItCame(faust.Schema):
    """Keys and values as the brokers gave them: nothing to look up, nothing to load."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return how an event is made of a message. No processor reads headers."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return faust.Event(app, message.key, message.value, None, message)

        return decode


def hastened(wait_first: Any) -> Any:
    """Return ``wait_first`` for a consumer: at once where the first of two does not wait."""

    async def first(*coros: Any, timeout: Any = None) -> Any:
        # Two: the callback and the suspend. The consumer waits in other ways for other things.
        if len(coros) != 2 or timeout is not None or not isinstance(coros[0], types.CoroutineType):
            return await wait_first(*coros, timeout=timeout)
        work, suspended = coros
        try:
            waited = work.send(None)
        except BaseException as exc:
            suspended.close()
            if isinstance(exc, StopIteration):
                return None  # the consumer looks at no result
            raise
        return await wait_first(_rest(work, waited), suspended)

    return first


async def _rest(work: Coroutine[Any, Any, Any], waited: Any) -> Any:
    return await _resumed(work, waited)


@types.coroutine
def _resumed(work: Coroutine[Any, Any, Any], waited: Any) -> Generator[Any, Any, Any]:
    """Go on with a coroutine that already waits for something."""
    try:
        while True:
            try:
                value = yield waited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as exc:  # a cancel, too, is for the coroutine
                waited = work.throw(exc)
            else:
                waited = work.send(value)
    except StopIteration as stop:
        return stop.value
