"""Refine, around the core: take a record, decide, produce, acknowledge in its turn."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from overt_processors import contiguity, telemetry
from overt_processors.acknowledge import EXIT_REDELIVER, Acknowledger, die
from overt_processors.core import refine
from overt_processors.core.opening import Keys
from overt_processors.core.outcome import (
    Dropped,
    Marked,
    Now,
    Outcome,
    Raw,
    Sealed,
    SetAside,
    Unsure,
)
from overt_processors.guard import Guard
from overt_processors.keys import obtain
from overt_processors.processor import Context
from overt_processors.registries import RegistryReader
from overt_processors.sending import Sender
from overt_processors.settings import Authority
from overt_schemas import codec
from overt_schemas.clock import Clock
from overt_schemas.records import Marker, Part
from overt_schemas.topics import DEADLETTER, PART

Produced = tuple[str, bytes, bytes, int]  # topic, key, value, partition


@dataclass(slots=True, kw_only=True)
class Refiner:
    """What the agent holds from record to record. Lives in the event loop's thread."""

    app: "faust.App"  # type: ignore[name-defined] # noqa: F821
    reader: RegistryReader
    keys: Keys
    key_set: int  # version of the key set that ``keys`` were accepted under
    authority: Authority
    clock: Clock
    acknowledger: Acknowledger
    guard: Guard = field(default_factory=Guard)
    memory: refine.Memory = field(default_factory=refine.Memory)
    # By partition, the offset below which every record had been appended when the registries were
    # last read to their end: what is unknown there needs no second look. True whoever asked.
    settled: Mapping[int, int] = field(default_factory=dict)
    ask: Callable[..., Keys] = obtain
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        self._sender = Sender(self.app)

    async def handle(self, event: Any) -> None:
        """Take one record all the way to the producer's buffer."""
        message, acknowledger = event.message, self.acknowledger
        tp, generation = message.tp, acknowledger.generation
        contiguity.ensure(self.guard, self.app, message)
        raw = Raw(
            topic=message.topic, partition=tp.partition, offset=message.offset,
            key=message.key, value=message.value,
        )  # fmt: skip
        # Nothing here waits on the usual way: a coroutine a record is a tenth of a batch's cost.
        if self.reader.current.keyring.version != self.key_set:
            await self._renew_keys()
            if generation != acknowledger.generation:
                return  # revoked: its next owner takes it, and no key of it is kept here
        outcome = self._step(raw, settled=raw.offset < self.settled.get(tp.partition, 0))
        if isinstance(outcome, Unsure):
            await self._read_on()
            if generation != acknowledger.generation:
                return  # revoked likewise
            outcome = self._step(raw, settled=True)
        futures = []
        for output in _report(outcome, raw):
            telemetry.produced(len(output[2]))
            future = self._sender.append(*output)
            futures.append(await self._sender.send(*output) if future is None else future)
        # What gives a dead letter and a mark is acknowledged once both stand.
        produced = asyncio.gather(*futures) if len(futures) > 1 else next(iter(futures), None)
        acknowledger.take(
            tp, raw.offset, event.ack, len(raw.value or b""), generation, produced,
            message.timestamp,
        )  # fmt: skip
        if acknowledger.is_full:
            await acknowledger.room()

    async def _read_on(self) -> None:
        # Of all partitions at once: asking is bounded to once a second, and whoever spreads
        # strangers over the partitions would else cost each of them its turn.
        self.settled = await asyncio.wrap_future(self.reader.read_on())
        await self._renew_keys()

    def _step(self, raw: Raw, *, settled: bool) -> Outcome:
        now = Now(wall_ms=self.clock.wall_us() // 1000, boot_ns=self.clock.boot_ns())
        return refine.step(self.memory, self.reader.current, self.keys, raw, now, settled=settled)

    async def _renew_keys(self) -> None:
        """Ask for the keys again because the key set changed: an epoch may have begun, or ended.

        Whatever an epoch that is over could open is forgotten with it.
        """
        loop = asyncio.get_running_loop()

        def wait(seconds: float) -> None:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(seconds), loop).result()

        async with self._renewing:
            version = self.reader.current.keyring.version
            if version == self.key_set:
                return
            self.keys = await asyncio.to_thread(
                self.ask,
                self.authority,
                lambda: self.reader.current.keyring,
                lambda: self.clock.wall_us() // 1000,
                wait,
            )
            self.key_set = version
            self.memory.periods.keep(self.keys.epochs)

    def revoke(self, partitions: list[int]) -> None:
        """Forget all that belongs to this generation."""
        telemetry.partitions_revoked(partitions, self.acknowledger.discard())
        self.guard.clear()
        self.memory.clear()

    async def assigned(self, partitions: list[int]) -> None:
        """Be ready at once: nothing is kept from one assignment to the next."""

    async def tick(self, now_ms: int) -> None:
        """Let go of the keys of an epoch that is over, also while no record comes."""
        await self._renew_keys()


def _report(outcome: Outcome, raw: Raw) -> tuple[Produced, ...]:
    """Count an outcome and return what is to be produced for it."""
    match outcome:
        case Sealed():
            telemetry.outcome("part")
            telemetry.flagged(outcome.flags)
            for gap in outcome.thinned:
                telemetry.thinned(gap.reason, gap.count)
            return (_on_part(outcome.part, raw),)
        case Marked():
            telemetry.outcome("marker", outcome.kind)
            return (_on_part(outcome.marker, raw),)
        case SetAside():
            telemetry.dead_letter(raw.topic, raw.partition, raw.offset, outcome.reason)
            value = codec.encode(outcome.letter)
            letter = (DEADLETTER, raw.topic.encode(), value, raw.partition)
            return (letter,) if outcome.marker is None else (letter, _on_part(outcome.marker, raw))
        case Dropped():
            telemetry.outcome("dropped", outcome.reason)
            return ()
        case Unsure():  # `handle` asks until it is sure
            return die(EXIT_REDELIVER, "unsure", reason=outcome.reason)
        case _:
            assert_never(outcome)


def _on_part(record: Part | Marker, raw: Raw) -> Produced:
    return PART, raw.key or b"", codec.encode(record), raw.partition


def make(context: Context) -> Refiner:
    """Return the processor of a refine app."""
    return Refiner(
        app=context.app, reader=context.reader, keys=context.epoch_keys(), key_set=context.key_set,
        authority=context.settings.authority, clock=context.clock,
        acknowledger=context.acknowledger,
    )  # fmt: skip
