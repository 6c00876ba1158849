"""A lane: processes that read one topic in one group, and what records cost them.

CPU is all that the processes used, user and system, from the first record fed until the last one is
committed. Starting up, registries, keys and the first opening of a period lie outside.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from overt_schemas import client
from tests.bench.streams_load import Sealed

_TICKS = os.sysconf("SC_CLK_TCK")
_DEADLINE_S = 180.0


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass
class Lane:
    """One of what is compared.

    Attributes:
        pids: of the processes that are charged.
    """

    name: str
    topic: str
    group: str
    connection: client.Config
    pids: Callable[[], Sequence[int]]
    process: "subprocess.Popen[bytes] | None" = None
    partitions: int = 4
    _consumer: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self._consumer = Consumer(client.consumer(self.connection, self.group))
        self._all = [TopicPartition(self.topic, p) for p in range(self.partitions)]

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
        before = sum(map(cpu_s, self.pids()))
        for key, value in rows:
            while True:
                try:
                    producer.produce(self.topic, value, key)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
        assert producer.flush(120) == 0
        deadline = time.monotonic() + _DEADLINE_S
        while not self.is_drained():
            assert time.monotonic() < deadline, f"{self.name}: not drained"
            assert self.process is None or self.process.poll() is None, f"{self.name} ended"
            time.sleep(0.1)
        return sum(map(cpu_s, self.pids())) - before

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
