"""Feeds sealed parts, marks and noise to the topic, and keeps what it was told was stored there."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Producer

from overt_ops.devstack import Running
from overt_schemas import client
from overt_schemas.ids import Stream
from overt_schemas.topics import PART
from tests.sinks.made import Segments
from tests.sinks.storm.ground import PARTITIONS

Where = tuple[str, int, int]  # topic id, partition, offset
_DEVICES, _DAYS = 12, ("2026-11-20", "2026-11-21")
_NOISE = b"\x00noise"


@dataclass(slots=True)
class Feeder:
    """A processor's worth of records.

    Attributes:
        sent: value by place, parts and marks; ``noise``: places of what cannot be read.
        calm: while it is not set, nothing is produced.
    """

    running: Running
    pause_s: float
    sent: dict[Where, bytes] = field(default_factory=dict)
    noise: set[Where] = field(default_factory=set)
    calm: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    topic_id: str = ""
    unanswered: int = 0
    _idle: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _producer: Any = None

    def __enter__(self) -> "Feeder":
        config = client.producer(_connection(self.running))
        self._producer = Producer(config)
        self.calm.set()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Produce nothing more; everything is acknowledged when this returns."""
        self.over.set()
        self.calm.set()
        if self._thread is not None:
            self._thread.join(120)
            assert not self._thread.is_alive()

    def rest(self) -> None:
        """Produce nothing until ``go_on``; everything is acknowledged when this returns."""
        self._idle.clear()
        self.calm.clear()
        assert self._idle.wait(120)

    def go_on(self, topic_id: str) -> None:
        """Produce again, to the topic of that id."""
        # A producer that knew the topic of old would go on counting for it.
        self._producer = Producer(client.producer(_connection(self.running)))
        self.topic_id = topic_id
        self.calm.set()

    def ends(self) -> Mapping[int, int]:
        """Return the offset behind the last record of each partition of the topic as it is."""
        ends: dict[int, int] = {}
        for topic_id, number, offset in (*tuple(self.sent), *tuple(self.noise)):
            if topic_id == self.topic_id:
                ends[number] = max(ends.get(number, 0), offset + 1)
        return ends

    def _run(self) -> None:
        chance = random.Random(7)  # noqa: S311 - sizes, not secrets
        devices = [
            Segments(
                device=bytes([n]) * 16, person=f"p-{n // 2:016x}", day=_DAYS[n % 2],
                stream=Stream.FRAME if n % 3 == 0 else Stream.INPUT,
            )
            for n in range(_DEVICES)
        ]  # fmt: skip
        number = 0
        while not self.over.is_set():
            if not self.calm.is_set():
                self._flush()
                self._idle.set()
                self.calm.wait()
                continue
            self._one(devices[number % _DEVICES], number, chance)
            number += 1
        self._flush()

    def _one(self, device: Segments, number: int, chance: random.Random) -> None:
        topic_id, value = self.topic_id, _NOISE
        if number % 61 == 0:
            device.next_segment()
        is_noise = number % 401 == 400
        if not is_noise:
            size = 100 + chance.randrange(2000)
            value = device.tombstone() if number % 31 == 0 else device.part(size=size)

        def keep(error: object, message: Any) -> None:
            if error is not None:
                self.unanswered += 1
                return
            where = (topic_id, message.partition(), message.offset())
            if is_noise:
                self.noise.add(where)
            else:
                self.sent[where] = value

        partition = number % _DEVICES % PARTITIONS
        self._producer.produce(
            PART, key=device.device, value=value, partition=partition, on_delivery=keep
        )
        self._producer.poll(self.pause_s)

    def _flush(self) -> None:
        assert self._producer.flush(60) == 0


def _connection(running: Running) -> client.Config:
    password = (running.layout.principal("refine") / "kafka.password").read_text().strip()
    ca = str(running.layout.service_ca)
    return client.scram(running.bootstrap, ca, "refine", password, "storm-refine")
