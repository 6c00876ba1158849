"""The feed app decides by what the registries say now: not by what they said, nor before a wait."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from overt_processors.acknowledge import Acknowledger
from overt_processors.agents.feed import Feeder
from overt_processors.core.lanes import Lanes, Rules
from overt_processors.feed_out import Headers, Outbox, Told
from overt_processors.freshness import MOST_S
from overt_schemas.topics import PART
from tests.processors.feed_world import NOW_MS, Parts, grant, registries
from tests.processors.world import START_MS, World


@dataclass
class Port:
    """Takes everything and reports nothing until told to."""

    took: list[tuple[str, int]] = field(default_factory=list)
    told: Told | None = None

    def open(self, told: Told) -> None:
        self.told = told

    def produce(self, grant: str, token: int, value: bytes, key: bytes, headers: Headers) -> bool:
        self.took.append((grant, token))
        return True


@dataclass
class Reader:
    """Registries that say what they say, and answer when a test lets them."""

    current: Any
    asked: list["Future[dict[int, int]]"] = field(default_factory=list)
    answers: bool = True

    def read_on(self) -> "Future[dict[int, int]]":
        future: Future[dict[int, int]] = Future()
        self.asked.append(future)
        if self.answers:
            future.set_result({})
        return future


class Tp(NamedTuple):
    topic: str
    partition: int


class Stand:
    """A feed app of one partition, around a clock that stands still."""

    def __init__(self, *names: str, room_bytes: int = 2**20) -> None:
        self.world = World()
        self.parts = Parts(self.world)
        self.grants = {name: grant(name, self.world) for name in names}
        self.reader = Reader(registries(self.world, *self.grants.values()))
        self.port, self.now_s = Port(), 0.0
        self.acked: list[int] = []
        lanes = Lanes(rules=Rules(room_bytes=room_bytes))
        self.feeder = Feeder(
            app=SimpleNamespace(consumer=SimpleNamespace(
                _committed_offset={}, highwater=lambda _tp: 9
            )),
            name="feed", topic=PART, connection={}, reader=self.reader,  # type: ignore[arg-type]
            clock=SimpleNamespace(wall_us=lambda: NOW_MS * 1000),
            acknowledger=Acknowledger(),
            outbox=Outbox(port=self.port, lanes=lanes, now_s=lambda: self.now_s), topic_id="t",
        )  # fmt: skip
        self.feeder.outbox.open()

    def handle(self, offset: int) -> "asyncio.Task[None]":
        message = SimpleNamespace(
            tp=Tp(PART, 0), offset=offset, value=self.parts.part(), timestamp=START_MS / 1000,
            partition=0,
        )  # fmt: skip
        event = SimpleNamespace(message=message, ack=lambda: self.acked.append(offset))
        return asyncio.get_running_loop().create_task(self.feeder.handle(event))

    def erase(self) -> None:
        self.world.change_person(state="erasing")
        self.reader.current = registries(self.world, *self.grants.values())


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_record_that_waited_for_a_full_feed_is_judged_anew_when_it_goes() -> None:
    async def run() -> list[str]:
        stand = Stand("g-full", "g-other", room_bytes=1)
        await stand.handle(0)
        tokens = dict(stand.port.took)
        stand.feeder.outbox.told("g-other", tokens["g-other"], "")
        waiting = stand.handle(1)
        await turns()
        stand.erase()
        stand.feeder.outbox.told("g-full", tokens["g-full"], "")
        await asyncio.wait_for(waiting, 5)
        return [name for name, _ in stand.port.took]

    assert sorted(asyncio.run(run())) == ["g-full", "g-other"]


def test_nothing_is_fed_by_registries_that_could_not_be_read_for_a_while() -> None:
    async def run() -> tuple[list[tuple[str, int]], bool, list[tuple[str, int]]]:
        stand = Stand("g-1")
        await stand.handle(0)
        before = len(stand.port.took)
        stand.reader.answers, stand.now_s = False, MOST_S + 1
        await stand.feeder.tick(NOW_MS)
        waiting = stand.handle(1)
        await turns()
        held, is_waiting = stand.port.took[before:], not waiting.done()
        stand.erase()
        for future in stand.reader.asked:
            if not future.done():
                future.set_result({})
        await asyncio.wait_for(waiting, 5)
        return held, is_waiting, stand.port.took[before:]

    assert asyncio.run(run()) == ([], True, [])


def test_registries_that_answer_hold_no_record_up() -> None:
    async def run() -> tuple[int, int]:
        stand = Stand("g-1")
        await stand.handle(0)
        for offset in range(1, 60):
            stand.now_s = float(offset)
            await stand.feeder.tick(NOW_MS)
            stand.reader.answers = False  # whoever waits now would wait for ever
            await asyncio.wait_for(stand.handle(offset), 5)
            stand.reader.answers = True
            for _, token in stand.port.took:
                stand.feeder.outbox.told("g-1", token, "")
        return len(stand.port.took), len(stand.reader.asked)

    took, asked = asyncio.run(run())

    assert took == 60
    assert asked <= 60


def test_a_revoke_while_the_registries_are_away_feeds_nothing() -> None:
    async def run() -> list[tuple[str, int]]:
        stand = Stand("g-1")
        stand.reader.answers = False
        waiting = stand.handle(0)
        await turns()
        stand.feeder.revoke([0])
        stand.reader.asked[0].set_result({})
        await asyncio.wait_for(waiting, 5)
        return stand.port.took

    assert asyncio.run(run()) == []


def test_a_grant_whose_id_names_no_feed_costs_the_others_nothing() -> None:
    async def run() -> list[str]:
        stand = Stand("g-1", "no feed", "x" * 65)
        await stand.handle(0)
        return [name for name, _ in stand.port.took]

    assert asyncio.run(run()) == ["g-1"]
