"""The loop: poll, put on the desk, write, commit. SHELL, and the only loop of the process.

Objects are made in writers' threads; everything else, Kafka's callbacks too, happens here. An
offset is committed after its object and its rows stand. What was taken of a partition is dropped
when it is revoked: whoever gets it reads on from where the chain ends.

While the budget is full nothing is taken. Kafka is told to pause only when that lasts: a pause
throws away what was fetched ahead, and fetching begins slowly after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from overt_schemas.clock import Clock
from overt_schemas.errors import OvertError, Transient
from overt_sinks import brokers, rolling, telemetry
from overt_sinks.crew import Crew
from overt_sinks.intake import take
from overt_sinks.naming import Partition
from overt_sinks.rolling import Desk, Limits
from overt_sinks.taken import Taken
from overt_sinks.writer import Job, Outcome, Tenure

_POLL_RECORDS = 500
_LONGEST_POLL_S = 0.25
_BUSY_POLL_S = 0.02  # an object is on its way: see soon that it stands
_FINISH_WAIT_S = 0.1
# Rebalances are heard only while we take: this long, nobody waits for us.
_HOLD_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The topic that is sunk."""

    topic: str
    topic_id: str

    def partition(self, number: int) -> Partition:
        """Return one of its partitions."""
        return Partition(topic=self.topic, topic_id=self.topic_id, number=number)


class Watch(Protocol):
    """Tells when the topic is another; ``brokers.Topic`` does."""

    def check(self, expected: str, now: int) -> None:
        """Raise if the topic's id is not the expected one; never wait."""
        ...


@dataclass(slots=True, kw_only=True)
class Runner:
    """One consumer of one topic; ``ready`` is called once, when partitions are assigned."""

    consumer: Any
    source: Source
    crew: Crew
    index: brokers.LastOffsets
    limits: Limits
    clock: Clock
    ready: Callable[[int], None]
    watch: Watch
    _desk: Desk = field(init=False)
    _tenure: Tenure = field(init=False, default_factory=Tenure)
    _failure: OvertError | None = field(init=False, default=None)
    _is_ready: bool = field(init=False, default=False)
    _committed: dict[Partition, int] = field(init=False, default_factory=dict)
    _full_since: int | None = field(init=False, default=None)
    _is_paused: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._desk = Desk(limits=self.limits)

    def run(self, stopping: Callable[[], bool], stop_s: float) -> None:
        """Sink until ``stopping`` says so, then store what is held, within ``stop_s``."""
        self.consumer.subscribe(
            [self.source.topic],
            on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked,
        )  # fmt: skip
        while not stopping():
            self._turn()
        self._finish(self.clock.boot_ns() + round(stop_s * 1e9))

    def _turn(self) -> None:
        self.watch.check(self.source.topic_id, self.clock.boot_ns())
        if self._holds():
            for outcome in self.crew.outcomes(_BUSY_POLL_S):
                self._settle(outcome)
            self._apply(rolling.Tick())
            return
        messages = self.consumer.consume(_POLL_RECORDS, self._poll_s())
        if self._failure is not None:
            raise self._failure
        records = self._sorted(messages)
        missing = rolling.hole(self._desk, records)
        if missing is not None:
            raise Transient(
                f"records of partition {missing} did not come: start again from the chain's end",
                reason="hole",
            )
        self._apply(rolling.Polled(records=records))
        for outcome in self.crew.outcomes():
            self._settle(outcome)

    def _holds(self) -> bool:
        """Whether nothing is taken now, because there is no room; pause if that lasts."""
        if self._full_since is None or self._is_paused:
            return False
        if self.clock.boot_ns() - self._full_since < _HOLD_NS:
            return True
        telemetry.fetching_paused(self._desk.size)
        self.consumer.pause(self.consumer.assignment())
        self._is_paused = True
        return False

    def _poll_s(self) -> float:
        if any(lane.writing for lane in self._desk.lanes.values()):
            return _BUSY_POLL_S
        return min(_LONGEST_POLL_S, rolling.wait_ns(self._desk, self.clock.boot_ns()) / 1e9)

    def _sorted(self, messages: list[Any]) -> Mapping[int, list[Taken]]:
        now, found = self.clock.boot_ns(), dict[int, list[Taken]]()
        for message in messages:
            if message.error() is not None:
                brokers.raise_for(message.error())
                continue
            record = take(message, now)
            if record.place is None:
                telemetry.record_set_aside(message.partition(), record.reason)
            found.setdefault(message.partition(), []).append(record)
        return found

    def _settle(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            raise outcome.error
        # Of a tenure that is over, the object stands and the offset is the next owner's to commit.
        if outcome.done is not None and outcome.job.tenure is self._tenure:
            partition, last = outcome.job.partition.number, outcome.done.object.last
            self._apply(rolling.Stored(partition=partition, last=last))

    def _apply(self, event: rolling.Input) -> None:
        self._desk, outputs = rolling.step(self._desk, event, self.clock.boot_ns())
        for output in outputs:
            match output:
                case rolling.Write(partition=number):
                    where = self.source.partition(number)
                    self.crew.submit(Job(partition=where, write=output, tenure=self._tenure))
                case rolling.Commit(partition=number, offset=offset):
                    where = self.source.partition(number)
                    self._committed[where] = offset
                    brokers.commit(self.consumer, {where: offset}, wait=False)
                case rolling.Pause():
                    self._full_since, self._is_paused = self.clock.boot_ns(), False
                case rolling.Resume():
                    self._full_since = None
                    if self._is_paused:
                        self._is_paused = False
                        telemetry.fetching_resumed(self._desk.size)
                        self.consumer.resume(self.consumer.assignment())

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        # An exception in a callback would surface wherever librdkafka pleases.
        try:
            ours = [self.source.partition(p.partition) for p in partitions]
            starts = brokers.starts(consumer, ours, self.index) if ours else {}
        except OvertError as exc:
            self._failure = exc
            return
        for partition in partitions:
            partition.offset = starts[partition.partition]
        consumer.assign(partitions)
        self._tenure = Tenure()
        telemetry.partitions_assigned(len(partitions))
        self._apply(rolling.Assigned(starts=starts))
        if not self._is_ready:
            self._is_ready = True
            self.ready(len(partitions))

    def _revoked(self, _consumer: Any, partitions: list[Any]) -> None:
        self._tenure.over.set()
        self._tenure = Tenure()
        self._committed.clear()
        gone = frozenset(p.partition for p in partitions)
        dropped = sum(
            len(lane.records) for number, lane in self._desk.lanes.items() if number in gone
        )
        telemetry.partitions_revoked(len(partitions), dropped)
        self._apply(rolling.Revoked(partitions=gone))

    def _finish(self, deadline_ns: int) -> None:
        self._apply(rolling.Stop())
        while not self._desk.is_clear and self.clock.boot_ns() < deadline_ns:
            for outcome in self.crew.outcomes(_FINISH_WAIT_S):
                self._settle(outcome)
        self._tenure.over.set()
        if self._committed:
            # Once more and with an answer: commits on their way may be lost by closing.
            brokers.commit(self.consumer, self._committed, wait=True)
