"""A lane: processes that read one topic in one group, and what records cost them.

CPU is all that the processes used, user and system, in nanoseconds, from before the first record is
fed until the brokers have all that comes of them. Starting up, registries, keys, the first opening
of a period and the wait for the next commit lie outside, for all lanes alike.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from overt_schemas import client
from tests.bench.streams_load import Sealed

_DEADLINE_S = 180.0
_LOOK_S = 0.01  # how soon the end is seen


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used, all threads, also those that ended."""
    # The kernel's own clock of that process: clock_getcpuclockid(3), which Python does not have.
    return time.clock_gettime_ns(~pid << 3 | 2) / 1e9


@dataclass
class Lane:
    """One of what is compared.

    Attributes:
        out: where all that comes of the records is written.
        marks: fed behind the records, one a partition, to what writes nothing but these.
        pids: of the processes that are charged.
    """

    name: str
    topic: str
    group: str
    connection: client.Config
    pids: Callable[[], Sequence[int]]
    out: str
    marks: tuple[bytes, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    partitions: int = 4
    _consumer: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self._consumer = Consumer(client.consumer(self.connection, self.group))
        self._all = [TopicPartition(self.topic, p) for p in range(self.partitions)]

    def written(self) -> int:
        """Return how many records stand in ``out``."""
        places = [TopicPartition(self.out, p) for p in range(self.partitions)]
        return sum(self._consumer.get_watermark_offsets(p, timeout=20)[1] for p in places)

    def is_drained(self) -> bool:
        """Whether all there is was committed."""
        rows = self._consumer.committed(self._all, timeout=20)
        for row in rows:
            _, end = self._consumer.get_watermark_offsets(row, timeout=20)
            if max(row.offset, 0) < end:
                return False
        return True

    def cost_s(self, producer: Producer, rows: Sealed) -> float:
        """Feed records and return the CPU seconds they took."""
        goal = self.written() + (len(self.marks) or len(rows))
        before = sum(map(cpu_s, self.pids()))
        for key, value in rows:
            self._feed(producer, value, key=key)
        assert producer.flush(120) == 0
        for number, mark in enumerate(self.marks):
            self._feed(producer, mark, partition=number)
        assert producer.flush(120) == 0
        self._wait(lambda: self.written() >= goal)
        spent_s = sum(map(cpu_s, self.pids())) - before
        self._wait(self.is_drained)  # so that no lane works in another's turn
        return spent_s

    def _feed(self, producer: Producer, value: bytes, **where: Any) -> None:
        while True:
            try:
                producer.produce(self.topic, value, **where)
            except BufferError:
                producer.poll(0.1)
            else:
                return

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{self.name}: not done"
            assert self.process is None or self.process.poll() is None, f"{self.name} ended"
            time.sleep(_LOOK_S)

    def close(self) -> None:
        """End the process, if it is ours."""
        self._consumer.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


def spawn(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a rival; it ends when this process does."""
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
