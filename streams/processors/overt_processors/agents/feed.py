"""The feed app, around the core: parts in, the same bytes out to each grant that covers them."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from overt_processors import contiguity, telemetry
from overt_processors.acknowledge import Acknowledger
from overt_processors.backoff import Backoff
from overt_processors.core import feed
from overt_processors.feed_out import Headers, KafkaPort, Outbox
from overt_processors.freshness import Freshness
from overt_processors.guard import Guard
from overt_processors.preflight import Group
from overt_processors.processor import Context
from overt_processors.registries import RegistryReader
from overt_schemas import client
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent, Transient
from overt_schemas.feed import ORIGIN, pack_origin


@dataclass(slots=True, kw_only=True)
class Feeder:
    """What the agent holds from record to record. Lives in the event loop's thread.

    Attributes:
        connection: whom the brokers are asked as for the topic's id.
        topic_id: of overt.part.v1, as it is now; a topic made anew has another.
    """

    app: "faust.App"  # type: ignore[name-defined] # noqa: F821
    name: str
    topic: str
    connection: client.Config
    reader: RegistryReader
    clock: Clock
    acknowledger: Acknowledger
    outbox: Outbox
    guard: Guard = field(default_factory=Guard)
    table: feed.Table = field(default_factory=feed.Table)
    topic_id: str = ""
    # Offsets below which everything was appended when the registries were last read to their end.
    settled: dict[int, int] = field(default_factory=dict)
    fresh: Freshness = field(init=False)

    def __post_init__(self) -> None:
        self.fresh = Freshness(read_on=self.reader.read_on, now_s=self.outbox.now_s)

    async def handle(self, event: Any) -> None:
        """Hand one record to the feeds that it belongs to."""
        message, generation = event.message, self.acknowledger.generation
        tp, offset = message.tp, message.offset
        contiguity.ensure(self.guard, self.app, message)
        append_ms = round(message.timestamp * 1000)
        routed = await self._route(message, append_ms)
        value: bytes = message.value or b""
        # Who was erased while a feed was full, or whose grant ended, is out.
        while await self.outbox.room(routed.grants, len(value)):
            if generation != self.acknowledger.generation:
                return
            routed = await self._route(message, append_ms)
        if generation != self.acknowledger.generation:
            return
        headers = [(ORIGIN, pack_origin(self.topic_id, tp.partition, offset, append_ms))]
        futures = await self._send(routed, value, headers)
        if generation != self.acknowledger.generation:
            return
        done = asyncio.gather(*futures) if futures else None
        await self.acknowledger.add(
            tp, offset, event.ack, len(value) if futures else 0, generation, done,
            message.timestamp,
        )  # fmt: skip

    def revoke(self, partitions: list[int]) -> None:
        """Forget all that belongs to this generation."""
        telemetry.partitions_revoked(partitions, self.acknowledger.discard())
        self.outbox.forget()
        self.guard.clear()
        self.settled.clear()

    async def assigned(self, partitions: list[int]) -> None:
        """Learn the id of the topic that the offsets belong to."""
        self.outbox.open()
        group, backoff = Group(self.connection, self.name, self.topic), Backoff()
        while True:
            try:
                self.topic_id = await asyncio.to_thread(group.topic_id)
            except Transient as exc:
                wait_s, backoff = backoff.next()
                telemetry.preflight_delayed(exc.reason, wait_s)
                await asyncio.sleep(wait_s)
            else:
                return

    async def tick(self, now_ms: int) -> None:
        """Cut what is late, and forget the lanes of grants that are over."""
        self.outbox.look()
        self.fresh.look()
        self.table = self.table.follow(self.reader.current.grants)
        grants = self.table.of.values()
        self.outbox.lanes.keep({g.grant for g in grants if feed.is_in_force(g, now_ms)})

    async def _send(
        self, routed: feed.Routed, value: bytes, headers: Headers
    ) -> list["asyncio.Future[None]"]:
        if not routed.grants:
            telemetry.outcome("passed", "nobody")
        futures = []
        for grant in routed.grants:
            future = await self.outbox.send(grant, value, routed.key, headers)
            if future is not None:
                telemetry.produced(len(value))
                futures.append(future)
        return futures

    async def _route(self, message: Any, append_ms: int) -> feed.Routed:
        """Return where a record goes; what no processor vouches for goes nowhere and is counted.

        The session app reads the same topic and keeps such a record as a dead letter.
        """
        await self.fresh.wait()
        try:
            try:
                return self._decide(message.value, append_ms)
            except Permanent as exc:
                if exc.reason not in feed.UNSURE or message.offset < self.settled.get(
                    message.partition, 0
                ):
                    raise
            high = self.app.consumer.highwater(message.tp)
            await asyncio.wrap_future(self.reader.read_on())
            self.settled[message.partition] = max(high or 0, message.offset + 1)
            return self._decide(message.value, append_ms)
        except Permanent as exc:
            telemetry.outcome("dropped", exc.reason)
            return feed.Routed(grants=())

    def _decide(self, value: bytes | None, append_ms: int) -> feed.Routed:
        registries = self.reader.current
        self.table = self.table.follow(registries.grants)
        now_ms = self.clock.wall_us() // 1000
        return feed.route(self.table, registries, value, append_ms, now_ms)


def make(context: Context) -> Feeder:
    """Return the processor of the feed app."""
    name = context.row.name
    connection = context.settings.kafka.connection(f"{name}-out")
    return Feeder(
        app=context.app, name=name, topic=context.row.topic, connection=connection,
        reader=context.reader, clock=context.clock, acknowledger=context.acknowledger,
        outbox=Outbox(port=KafkaPort(connection)),
    )  # fmt: skip
