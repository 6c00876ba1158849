"""Public twins for tests of a sink: an index and dead letters in memory, a scripted consumer.

The store's twin is ``Store(obstore.store.MemoryStore())``: the same class over another backend.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TopicPartition

from overt_schemas.errors import Permanent
from overt_sinks.container import Object
from overt_sinks.naming import Partition
from overt_sinks.taken import Taken


@dataclass(slots=True)
class MemoryIndex:
    """An index that forgets with its process."""

    rows: dict[str, Object] = field(default_factory=dict)

    def insert(self, stored: Object, now_ms: int) -> bool:
        """Insert an object, once."""
        del now_ms
        is_new = stored.name not in self.rows
        self.rows.setdefault(stored.name, stored)
        return is_new

    def last_offset(self, partition: Partition) -> int | None:
        """Return the last offset in an indexed object."""
        lasts = [o.last for o in self.rows.values() if o.partition == partition]
        return max(lasts, default=None)


@dataclass(slots=True)
class KeptLetters:
    """Dead letters in a list; ``failing`` makes the next ones fail with that error."""

    sent: list[tuple[Partition, Taken]] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)

    def send(self, partition: Partition, records: Iterable[Taken]) -> None:
        """Keep the letters."""
        letters = [(partition, record) for record in records]
        if letters and self.failing:
            raise self.failing.pop(0)
        self.sent += letters


@dataclass(slots=True)
class StillTopic:
    """A topic that stays the same until it is given another id."""

    id: str

    def check(self, expected: str, now: int) -> None:
        """Raise if it is another."""
        del now
        if self.id != expected:
            raise Permanent("the topic was made anew", reason="no_topic")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedMessage:
    """A message as confluent-kafka hands it out."""

    number: int
    at: int
    body: bytes | None
    head: list[tuple[str, bytes | None]] = field(default_factory=list)
    problem: Any = None

    def error(self) -> Any:
        """Return the error, if it is one."""
        return self.problem

    def partition(self) -> int:
        """Return the partition."""
        return self.number

    def offset(self) -> int:
        """Return the offset."""
        return self.at

    def value(self) -> bytes | None:
        """Return the value."""
        return self.body

    def key(self) -> bytes:
        """Return the key."""
        return b"key"

    def headers(self) -> list[tuple[str, bytes | None]]:
        """Return the headers."""
        return self.head

    def timestamp(self) -> tuple[int, int]:
        """Return kind (2, the broker's append) and milliseconds."""
        return 2, 1_764_000_000_000 + self.at


@dataclass(slots=True)
class ScriptedConsumer:
    """A consumer of logs in memory, with the callbacks of a group. ``logs`` may grow meanwhile.

    Attributes:
        logs: values by partition; an offset is an index.
        script: called before each consume with the consumer; may assign and revoke.
    """

    topic: str
    logs: dict[int, list[bytes | None]]
    script: Iterator[Callable[["ScriptedConsumer"], None]] = field(default_factory=lambda: iter(()))
    offsets: dict[int, tuple[int, str]] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    paused: set[int] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    problems: list[Any] = field(default_factory=list)
    _on_assign: Any = None
    _on_revoke: Any = None

    def subscribe(
        self, _topics: list[str], *, on_assign: Any, on_revoke: Any, on_lost: Any
    ) -> None:
        """Remember the callbacks."""
        self._on_assign, self._on_revoke = on_assign, on_revoke
        del on_lost

    def give(self, *partitions: int) -> None:
        """Assign partitions, as the group does."""
        self._on_assign(self, [TopicPartition(self.topic, n) for n in partitions])

    def take_away(self) -> None:
        """Revoke everything, as the group does."""
        gone = [TopicPartition(self.topic, n) for n in self.positions]
        self._on_revoke(self, gone)
        self.positions.clear()
        self.paused.clear()

    def assign(self, partitions: list[Any]) -> None:
        """Begin at the offsets of the partitions."""
        self.positions = {p.partition: p.offset for p in partitions}

    def assignment(self) -> list[Any]:
        """Return what is assigned."""
        return [TopicPartition(self.topic, n) for n in self.positions]

    def pause(self, partitions: list[Any]) -> None:
        """Hand out nothing of these."""
        self.paused |= {p.partition for p in partitions}
        self.calls.append("pause")

    def resume(self, partitions: list[Any]) -> None:
        """Hand out again."""
        self.paused -= {p.partition for p in partitions}
        self.calls.append("resume")

    def committed(self, partitions: list[Any], timeout: float) -> list[Any]:
        """Return the group's offsets."""
        del timeout
        found = [(p.partition, *self.offsets.get(p.partition, (-1001, ""))) for p in partitions]
        return [TopicPartition(self.topic, n, at, metadata=text) for n, at, text in found]

    def get_watermark_offsets(self, where: Any, timeout: float) -> tuple[int, int]:
        """Return where a log begins and ends."""
        del timeout
        return 0, len(self.logs[where.partition])

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> None:
        """Keep the offsets."""
        self.calls.append(f"commit {'async' if asynchronous else 'sync'}")
        self.offsets |= {p.partition: (p.offset, p.metadata) for p in offsets}

    def consume(self, count: int, timeout: float) -> list[Any]:
        """Return the next records of everything assigned and not paused, and time does not pass."""
        del timeout
        next(self.script, lambda _consumer: None)(self)
        found: list[Any] = [
            ScriptedMessage(number=0, at=-1, body=None, problem=problem)
            for problem in self.problems
        ]
        self.problems.clear()
        for number in [n for n in self.positions if n not in self.paused]:
            at = self.positions[number]
            fresh = self.logs[number][at : at + count]
            found += [
                ScriptedMessage(number=number, at=at + n, body=value)
                for n, value in enumerate(fresh)
            ]
            self.positions[number] = at + len(fresh)
        return found
