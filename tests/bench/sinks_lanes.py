"""What is compared: a real sink that works off a backlog, and bare puts of objects of those sizes.

A sink's time is from the assignment of its partitions until its last object stands and is indexed;
its CPU is the process's own in that time. Starting, the probe, and producing lie outside.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from confluent_kafka import Producer

from overt_ops.devstack import Running
from overt_schemas import client
from overt_schemas.errors import OvertError
from overt_sinks.index import Index, tables
from overt_sinks.naming import Partition
from tests.bench.streams_lanes import cpu_s

_PROGRAM = str(Path(sys.executable).with_name("overt-sink"))
_LOOK_S, _PATIENCE_S = 0.005, 600.0
Rows = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a backlog cost; ``sizes`` are those of the objects that were made of it.

    Attributes:
        seconds: until the last full object stood; ``stored`` bytes stood by then.
        cpu_s: of the sink, for everything; ``servers`` of broker and store meanwhile.
        hwm_mb: the most memory the sink ever held.
    """

    seconds: float
    stored: int
    cpu_s: float
    servers: Mapping[str, float]
    hwm_mb: float
    sizes: list[int]


@dataclass(slots=True, kw_only=True)
class SinkLane:
    """`overt-sink run` on one topic, started anew for each backlog."""

    running: Running
    config: Path
    topic: str
    topic_id: str
    index: Index
    partitions: int = 4
    full_bytes: int = 7_000_000
    env: dict[str, str] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _log: Path = Path()

    def feed(self, rows: Rows) -> dict[int, list[int]]:
        """Put a backlog on the topic; return from where to where, once it is acknowledged."""
        before = {number: self._ends.get(number, 0) for number in range(self.partitions)}
        producer = Producer({
            **client.producer(self.running.admin()), "linger.ms": 20,
            "queue.buffering.max.messages": 200_000, "queue.buffering.max.kbytes": 1_000_000,
        })  # fmt: skip

        def keep(error: object, message: Any) -> None:
            assert error is None, error
            number = message.partition()
            self._ends[number] = max(self._ends.get(number, 0), message.offset() + 1)

        for at, (key, value) in enumerate(rows):
            while True:
                try:
                    producer.produce(
                        self.topic, value, key, partition=at % self.partitions, on_delivery=keep
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(300) == 0
        return {number: [at, self._ends.get(number, 0)] for number, at in before.items()}

    def work(self, rows: Rows) -> Cost:
        """Feed a backlog, have it sunk, and return what that cost."""
        self.feed(rows)
        known = self._objects()
        self._log = self.config.parent / f"sink-{time.monotonic_ns()}.log"
        ready = self.config.parent / "state" / "ready"
        with self._log.open("wb") as log:
            sink = subprocess.Popen(
                [_PROGRAM, "run", "--config", str(self.config)], stdout=log, stderr=log,
                env={**os.environ, **self.env},
            )  # fmt: skip
        try:
            self._wait(ready.exists, sink)
            before, served = cpu_s(sink.pid), self._served()
            self._wait(self._is_level, sink)
            spent = cpu_s(sink.pid) - before
            servers = {name: cpu - served[name] for name, cpu in self._served().items()}
            hwm_mb = _hwm_mb(sink.pid)
        finally:
            sink.send_signal(signal.SIGTERM)
            sink.wait(30)
        made = {name: size for name, size in self._objects().items() if name not in known}
        seconds, stored = self._stored()
        return Cost(
            seconds=seconds, stored=stored, cpu_s=spent, servers=servers, hwm_mb=hwm_mb,
            sizes=list(made.values()),
        )  # fmt: skip

    def _served(self) -> dict[str, float]:
        """Return the CPU of broker and store."""
        rows = self.running.status()
        return {row.name: cpu_s(row.pid) for row in rows if row.name in ("kafka", "seaweed")}

    def _objects(self) -> dict[str, int]:
        with self.index.transaction() as db:
            found = db.execute(sa.select(tables.objects.c.object, tables.objects.c.bytes))
            return {row.object: row.bytes for row in found}

    def _is_level(self) -> bool:
        try:
            return all(self._last(number) >= end - 1 for number, end in self._ends.items())
        except OvertError:
            return False

    def _last(self, number: int) -> int:
        where = Partition(topic=self.topic, topic_id=self.topic_id, number=number)
        last = self.index.last_offset(where)
        return -1 if last is None else last

    def _wait(self, holds: Any, sink: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + _PATIENCE_S
        while not holds():
            assert sink.poll() is None, self._log.read_text()[-800:]
            assert time.monotonic() < end, "the sink is not done"
            time.sleep(_LOOK_S)

    def _stored(self) -> tuple[float, int]:
        """Return when the last object stood that was cut for its size, and how many bytes by then.

        What follows waits for its age: that is no throughput, and nothing was lacking.
        """
        rows = [json.loads(row) for row in self._log.read_text().splitlines() if row[:1] == "{"]
        began = next(_at(row) for row in rows if row["event"] == "partitions_assigned")
        made = [row for row in rows if row["event"] == "object_created"]
        large = (at for at, row in enumerate(made) if row["size_bytes"] >= self.full_bytes)
        full = max(large, default=len(made) - 1)
        return _at(made[full]) - began, sum(row["size_bytes"] for row in made[: full + 1])


def _at(row: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(row["timestamp"]).timestamp()


def raw_put_s(config: Path, sizes: Sequence[int], writers: int) -> float:
    """Return how long a process of its own takes to put objects of those sizes, and no more."""
    command = [sys.executable, "-m", "tests.bench.sinks_raw", str(config), str(writers)]
    done = subprocess.run(
        command, input=json.dumps(list(sizes)), capture_output=True, text=True, check=True,
        timeout=_PATIENCE_S,
    )  # fmt: skip
    return float(json.loads(done.stdout)["seconds"])


def bare_mb_s(config: Path, spans: Mapping[int, Sequence[int]]) -> float:
    """Return how fast a process reads what a sink read and puts it, doing nothing else."""
    command = [sys.executable, "-m", "tests.bench.sinks_bare", str(config)]
    done = subprocess.run(
        command, input=json.dumps(spans), capture_output=True, text=True, check=True,
        timeout=_PATIENCE_S,
    )  # fmt: skip
    said = json.loads(done.stdout)
    return float(said["bytes"] / 1e6 / said["seconds"])


def _hwm_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0
