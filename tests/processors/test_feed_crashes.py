"""The feed app's own code against a model of the brokers, with a crash between any two steps."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from overt_processors.acknowledge import Acknowledger
from overt_processors.agents.feed import Feeder
from overt_processors.core.lanes import Lanes
from overt_processors.feed_out import Headers, Outbox, Told
from overt_schemas import client
from overt_schemas.envelope import marks
from overt_schemas.feed import ORIGIN, unpack_origin
from overt_schemas.topics import PART
from tests.processors.feed_world import NOW_MS, Parts, grant, registries, routed
from tests.processors.world import START_MS, World

GRANTS = ("g-1", "g-2", "g-3")
NO_BROKERS: client.Config = {}


@dataclass
class Port:
    """Records on their way, until the machine says what became of them."""

    pending: list[tuple[str, int, bytes, int]] = field(default_factory=list)
    told: Told | None = None

    def open(self, told: Told) -> None:
        self.told = told

    def produce(self, grant: str, token: int, value: bytes, key: bytes, headers: Headers) -> bool:
        _, _, offset, _ = unpack_origin(dict(headers)[ORIGIN])
        self.pending.append((grant, token, value, offset))
        return True


class Reader:
    """The registries, always read on."""

    def __init__(self, current: Any) -> None:
        self.current = current

    def read_on(self) -> "Future[None]":
        done: Future[None] = Future()
        done.set_result(None)
        return done


class FeedMachine(RuleBasedStateMachine):
    """One partition, three grants; a worker dies by being forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        self.parts = Parts(self.world)
        self.grants = {name: grant(name, self.world) for name in GRANTS}
        self.now_s = 0.0
        self.log: list[bytes] = []
        self.committed = 0
        self.feeds: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)
        # By offset, what each handling found covered, and what was let go.
        self.decided: defaultdict[int, set[str]] = defaultdict(set)
        self.newest: dict[int, set[str]] = {}
        self.dropped: set[tuple[str, int]] = set()

    @initialize()
    def begin(self) -> None:
        self.learn()
        self.start()

    def teardown(self) -> None:
        self.loop.close()

    def learn(self) -> None:
        self.known = registries(self.world, *self.grants.values())
        if hasattr(self, "feeder"):
            self.feeder.reader.current = self.known

    def start(self) -> None:
        self.at = self.acked = self.committed
        self.port = Port()
        self.lanes = Lanes()
        offsets: dict[Any, int] = {self.tp: self.committed}
        consumer = SimpleNamespace(_committed_offset=offsets, highwater=lambda _tp: len(self.log))
        self.feeder = Feeder(
            app=SimpleNamespace(consumer=consumer), name="feed", topic=PART,
            connection=NO_BROKERS, reader=Reader(self.known),  # type: ignore[arg-type]
            clock=SimpleNamespace(wall_us=lambda: NOW_MS * 1000),
            acknowledger=Acknowledger(),
            outbox=Outbox(port=self.port, lanes=self.lanes, now_s=lambda: self.now_s),
            topic_id="t",
        )  # fmt: skip
        self.feeder.outbox.open()

    @property
    def tp(self) -> Any:
        return ("part", 0)

    def settle(self) -> None:
        """Let callbacks run."""
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))

    @rule(kind=st.sampled_from(["part", "forged", "mark", "notice", "other"]))
    def publish(self, kind: str) -> None:
        made: dict[str, Callable[[], bytes]] = {
            "part": self.parts.part,
            "forged": lambda: self.parts.part()[:-1],
            "mark": self.parts.mark,
            "notice": lambda: self.parts.mark(marks.NoticeMark),
            "other": lambda: self.parts.part(person="p-2"),
        }
        self.log.append(made[kind]())

    @precondition(lambda self: self.at < len(self.log))
    @rule()
    def handle(self) -> None:
        offset, value = self.at, self.log[self.at]
        try:
            covered = set(routed(self.known, value))
        except Exception:  # whatever the reason: it goes nowhere
            covered = set()
        open_ = {g for g in covered if self.lanes.ask(g, len(value), self.now_s).value == "take"}
        self.decided[offset] |= covered
        self.newest[offset] = covered
        self.dropped |= {(g, offset) for g in covered - open_}
        tp = _Tp()
        message = SimpleNamespace(
            tp=tp, offset=offset, value=value, timestamp=START_MS / 1000, partition=0
        )
        event = SimpleNamespace(message=message, ack=lambda: self.on_ack(offset))
        self.loop.run_until_complete(self.feeder.handle(event))
        self.at += 1

    def on_ack(self, offset: int) -> None:
        assert offset == self.acked, "acknowledged out of order"
        self.acked = offset + 1

    @precondition(lambda self: bool(self.port.pending))
    @rule(data=st.data(), heard=st.booleans())
    def deliver(self, data: st.DataObject, heard: bool) -> None:
        at = data.draw(st.integers(0, len(self.port.pending) - 1))
        name, token, value, offset = self.port.pending.pop(at)
        self.feeds[name].append((offset, value))
        if heard:
            self.tell(name, token, "")
        else:
            self.unheard(name, token, value, offset)

    def unheard(self, name: str, token: int, value: bytes, offset: int) -> None:
        """The record stands there, and its report is late: it will be told again, or never."""
        self.port.pending.append((name, token, value, offset))

    @precondition(lambda self: bool(self.port.pending))
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.port.pending) - 1))
        name, token, _, _ = self.port.pending[at]
        gone = {(n, o) for n, _, _, o in self.port.pending if n == name}
        del self.port.pending[at]
        self.dropped |= gone  # those that are acknowledged nevertheless stand there as well
        self.tell(name, token, "denied")

    def tell(self, name: str, token: int, why: str) -> None:
        assert self.port.told is not None
        self.port.told(name, token, why)
        self.settle()

    @rule(seconds=st.sampled_from([0.5, 2.0, 20.0]))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        if any(self.lanes._lanes):
            late = {
                name for name, lane in self.lanes._lanes.items()
                if any(s.waits and self.now_s - s.at_s >= 2.0 for s in lane.sent.values())
            }  # fmt: skip
            self.dropped |= {(n, o) for n, _, _, o in self.port.pending if n in late}
        self.loop.run_until_complete(self.feeder.tick(NOW_MS))
        self.settle()

    @rule()
    def commit(self) -> None:
        self.committed = max(self.committed, self.acked)

    @rule()
    def crash(self) -> None:
        self.start()

    @rule()
    def revoke(self) -> None:
        self.feeder.revoke([0])
        self.settle()
        self.start()

    @rule(name=st.sampled_from(GRANTS), state=st.sampled_from(["active", "ended"]))
    def change_grant(self, name: str, state: str) -> None:
        held = self.grants[name]
        self.grants[name] = replace(held, version=held.version + 1, state=state)
        self.learn()

    @rule(state=st.sampled_from(["active", "active", "erasing"]))
    def change_person(self, state: str) -> None:
        self.world.change_person(state=state)
        self.learn()

    @invariant()
    def what_is_committed_stands_in_its_feeds_or_was_counted(self) -> None:
        for offset in range(self.committed):
            for name in self.newest[offset]:
                here = any(o == offset for o, _ in self.feeds[name])
                assert here or (name, offset) in self.dropped

    @invariant()
    def nothing_is_in_a_feed_that_was_not_covered_and_nothing_was_changed(self) -> None:
        for name, records in self.feeds.items():
            for offset, value in records:
                assert name in self.decided[offset]
                assert value == self.log[offset]


@dataclass(frozen=True)
class _Tp:
    topic: str = PART
    partition: int = 0

    def __hash__(self) -> int:
        return hash(("part", 0))

    def __eq__(self, other: object) -> bool:
        return other == ("part", 0) or isinstance(other, _Tp)


FeedMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestFeedWithCrashes = FeedMachine.TestCase
