"""The session app, around the core: part headers in, session records out.

The commit protocol: a record is held until every session that it changed stands in a record that
was written. Sessions are written together, once a tick at most, and while only counts change once
in ``update_s``; so commits trail by that much, and a successor reads so much again, which changes
nothing, as each session record carries the set of batches it counts.
"""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

from overt_processors import contiguity, telemetry
from overt_processors.acknowledge import EXIT_REDELIVER, Acknowledger, die
from overt_processors.core.sessions import fold, state
from overt_processors.core.sessions.reading import UNSURE, News, read
from overt_processors.guard import Guard
from overt_processors.processor import Context
from overt_processors.registries import RegistryReader
from overt_processors.session_log import read_sessions
from overt_processors.settings import Session as Conf
from overt_schemas import client, codec
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent
from overt_schemas.records import DeadLetter
from overt_schemas.topics import DEADLETTER, SESSION


@dataclass(slots=True, kw_only=True)
class Sessions:
    """What the agent holds from record to record. Lives in the event loop's thread."""

    app: "faust.App"  # type: ignore[name-defined] # noqa: F821
    name: str
    reader: RegistryReader
    connection: client.Config
    rules: state.Rules
    clock: Clock
    acknowledger: Acknowledger
    guard: Guard = field(default_factory=Guard)
    memories: dict[int, state.Memory] = field(default_factory=dict)
    tps: dict[int, Any] = field(default_factory=dict)
    # Offsets below which everything was appended when the registries were last read to their end.
    settled: dict[int, int] = field(default_factory=dict)
    _is_writing: bool = False

    async def handle(self, event: Any) -> None:
        """Fold one record into the sessions of its partition."""
        message, generation = event.message, self.acknowledger.generation
        tp, offset = message.tp, message.offset
        contiguity.ensure(self.guard, self.app, message)
        self.tps[tp.partition] = tp
        try:
            news = await self._read(message)
        except Permanent as exc:
            await self._set_aside(event, exc.reason, generation)
            return
        if generation != self.acknowledger.generation:
            return
        append_ms = round(message.timestamp * 1000)
        effect = fold.step(self.memories[tp.partition], news, offset, append_ms)
        telemetry.outcome("session_batch", effect.value)
        # Thousands are held at a time, and a frame is up to 1 MB.
        event.value = message.value = None
        await self.acknowledger.add(
            tp, offset, event.ack, 0, generation, None, event.message.timestamp, held=True
        )
        if self.acknowledger.in_flight >= self.acknowledger.limit // 2:
            await self._write(everything=True)

    def revoke(self, partitions: list[int]) -> None:
        """Forget all that belongs to this generation."""
        telemetry.partitions_revoked(partitions, self.acknowledger.discard())
        self.guard.clear()
        self.memories.clear()
        self.tps.clear()
        self.settled.clear()

    async def assigned(self, partitions: list[int]) -> None:
        """Read back where the sessions of these partitions stand."""
        stop, since_ms = threading.Event(), self.clock.wall_us() // 1000 - self.rules.keep_ms
        generation = self.acknowledger.generation
        try:
            found = await asyncio.to_thread(
                read_sessions, self.connection, partitions, max(1, since_ms), stop
            )
        finally:
            stop.set()
        if generation == self.acknowledger.generation:
            self.memories = {p: state.restore(self.rules, found[p]) for p in partitions}

    async def tick(self, now_ms: int) -> None:
        """Let time pass where everything was read, and write what is due."""
        for partition, tp in self._tps():
            memory = self.memories[partition]
            reached, high = self._reached(memory, tp), self.app.consumer.highwater(tp)
            if reached is not None and high is not None and reached >= high:
                fold.tick(memory, now_ms, reached)
        await self._write(everything=self.acknowledger.in_flight >= self.acknowledger.limit // 2)

    def _tps(self) -> list[tuple[int, Any]]:
        """Return the partitions that are ours, with their names."""
        return [
            (tp.partition, tp)
            for tp in self.app.consumer.assignment()
            if tp.partition in self.memories
        ]

    def _reached(self, memory: state.Memory, tp: Any) -> int | None:
        """Return the offset behind the last record handled, or that the group committed."""
        committed: int | None = self.app.consumer._committed_offset.get(tp)
        return memory.position if tp.partition in self.tps else committed

    async def _read(self, message: Any) -> News:
        append_ms, partition = round(message.timestamp * 1000), message.partition
        try:
            return read(message.value, self.reader.current.keyring, append_ms)
        except Permanent as exc:
            if exc.reason not in UNSURE or message.offset < self.settled.get(partition, 0):
                raise
        high = self.app.consumer.highwater(message.tp)
        await asyncio.wrap_future(self.reader.read_on())
        self.settled[partition] = max(high or 0, message.offset + 1)
        return read(message.value, self.reader.current.keyring, append_ms)

    async def _set_aside(self, event: Any, reason: str, generation: int) -> None:
        """Send a record that no processor vouches for to the dead letters, as it came."""
        message, tp = event.message, event.message.tp
        if generation != self.acknowledger.generation:
            return
        telemetry.dead_letter(tp.topic, tp.partition, message.offset, reason)
        letter = DeadLetter(
            topic=tp.topic, partition=tp.partition, offset=message.offset,
            key=message.key or b"", value=message.value or b"", reason=reason,
            at_ms=self.clock.wall_us() // 1000, processor=self.name,
        )  # fmt: skip
        future = await self._send(DEADLETTER, tp.topic.encode(), codec.encode(letter), tp.partition)
        if generation != self.acknowledger.generation:
            return
        fold.skip(self.memories[tp.partition], message.offset)
        await self.acknowledger.add(
            tp, message.offset, event.ack, 0, generation, future, message.timestamp
        )

    async def _write(self, *, everything: bool) -> None:
        """Write the sessions that are due; release the records that wait for them."""
        if self._is_writing:
            return
        self._is_writing = True
        generation = self.acknowledger.generation
        try:
            await self._produce(generation, everything=everything)
        except Exception as exc:
            if generation == self.acknowledger.generation:
                die(EXIT_REDELIVER, "produce_failed", error=type(exc).__name__)
            return
        finally:
            self._is_writing = False
        if generation != self.acknowledger.generation:
            return
        for partition, memory in self.memories.items():
            fold.written(memory)
            if partition in self.tps:
                self.acknowledger.release(self.tps[partition], fold.safe(memory))

    async def _produce(self, generation: int, *, everything: bool) -> None:
        now_ms, futures = self.clock.wall_us() // 1000, []
        for partition, memory in list(self.memories.items()):
            for session in fold.due(memory, now_ms, everything=everything):
                telemetry.outcome("session", session.state)
                value = codec.encode(session)
                futures.append(await self._send(SESSION, session.device, value, partition))
                if generation != self.acknowledger.generation:
                    return
        await asyncio.gather(*futures)

    async def _send(self, topic: str, key: bytes, value: bytes, partition: int) -> Any:
        # The aiokafka producer itself: Faust's own send costs more than all the rest of this.
        telemetry.produced(len(value))
        return await self.app.producer._producer.send(
            topic, value=value, key=key, partition=partition
        )


def rules_of(conf: Conf) -> state.Rules:
    """Return the core's rules as the settings have them."""
    return state.Rules(
        update_ms=round(conf.update_s * 1000), silent_ms=round(conf.silent_after_s * 1000)
    )


def make(context: Context) -> Sessions:
    """Return the processor of the session app."""
    name = context.row.name
    return Sessions(
        app=context.app, name=name, reader=context.reader, clock=context.clock,
        connection=context.settings.kafka.connection(f"{name}-read-back"),
        rules=rules_of(context.settings.session), acknowledger=context.acknowledger,
    )  # fmt: skip
