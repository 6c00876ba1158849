"""What is done with a canary's records once they are stored: replayed, torn, and fallen over.

So that there is something in every place where content could have ended up: feeds, sessions, dead
letters, metrics, the log of a worker that fell with content in its hands, a core dump of one.
"""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from overt_ops.demo.endpoint import program
from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_schemas import client, feed, topics

FAULTY = Path(__file__).parent / "faulty"
APPS = ("refine-input", "refine-frame", "feed", "session")
_UP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One raw record as it stands on its topic."""

    topic: str
    key: bytes
    value: bytes


def device_of(home: Path) -> bytes:
    """Return the device of an endpoint's home."""
    return bytes.fromhex(json.loads((home / "identity.json").read_text())["device"])


def rows(running: Running, topic: str, partitions: int) -> Iterator[Any]:
    """Yield all records of a topic."""
    reader = Consumer(client.registry_reader(running.admin(), "afterwards"))
    try:
        reader.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
        done: set[int] = set()
        while len(done) < partitions:
            for message in reader.consume(500, 1.0):
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    done.add(message.partition())
    finally:
        reader.close()


def raw_of(running: Running, device: bytes) -> list[Raw]:
    """Return all that a device published."""
    return [
        Raw(topic=topic, key=device, value=row.value())
        for topic in topics.RAW.values()
        for row in rows(running, topic, topics.CATALOGUE[topic].partitions)
        if row.key() == device
    ]


def publish(running: Running, records: Sequence[Raw], *, torn: bool = False) -> None:
    """Publish them again, as they are or with their last byte changed."""
    producer = Producer(client.producer(running.admin()))
    for one in records:
        last = bytes([one.value[-1] ^ 1]) if torn else one.value[-1:]
        producer.produce(one.topic, one.value[:-1] + last, one.key)
        producer.poll(0)
    assert producer.flush(60) == 0


def held(running: Running, grant: str) -> dict[str, int]:
    """Return how many records stand in the topics where derived things are."""
    wanted = {
        feed.topic_of(grant): 1,
        **{t: topics.CATALOGUE[t].partitions for t in (topics.SESSION, topics.DEADLETTER)},
    }
    return {topic: sum(1 for _ in rows(running, topic, count)) for topic, count in wanted.items()}


def scrape(running: Running, folder: Path) -> list[Path]:
    """Write down what each worker shows to Prometheus; return the files."""
    found = []
    for app in APPS:
        address = running.settings(app).parent / "state" / "metrics"
        with urllib.request.urlopen(address.read_text().strip(), timeout=10) as answer:  # noqa: S310
            file = folder / f"{app}.prom"
            file.write_bytes(answer.read())
            found.append(file)
    return found


def abort(running: Running, app: str) -> None:
    """End a worker as a crash in C would: with SIGABRT, which dumps core where that is allowed."""
    row = next(r for r in running.status() if r.name == app)
    (child,) = psutil.Process(row.pid).children()
    os.kill(child.pid, signal.SIGABRT)
    assert until(lambda: not child.is_running(), _UP_S, 0.1)


@contextmanager
def falling(running: Running, folder: Path, dump: Path) -> Iterator[Path]:
    """Run a refine worker that falls with content in its hands in place of the stack's; its log."""
    settings = running.settings("refine-input")
    log = folder / "falling.log"
    env = {
        "PATH": str(Path(program("x")).parent), "PYTHONPATH": str(FAULTY),
        "OVERT_TEST_DUMP": str(dump), "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    running.kill("refine-input")
    with log.open("wb") as said:
        child = subprocess.Popen(
            [program("overt-processors"), "refine", "--stream", "input", "--config", str(settings)],
            env=env, stdout=said, stderr=said, cwd=folder,
        )  # fmt: skip
        try:
            yield log
        finally:
            child.terminate()
            child.wait(20)
            running.start(["refine-input"])


def cores(*roots: Path) -> list[Path]:
    """Return every core dump below these folders."""
    named = (path for root in roots for path in root.rglob("core*") if path.is_file())
    return [path for path in named if path.read_bytes()[:4] == b"\x7fELF"]
