"""A stand for workers: real brokers, registries of a small world, the authority's twin.

Workers run as the processes they are in production. Nothing here sleeps: everything waits for a
condition with a deadline.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from overt_ops.devstack import Running
from overt_schemas import client, codec, hpke
from overt_schemas.ids import Stream, new_id
from overt_schemas.records import Device, Person, SealSpan, Signed
from overt_schemas.signing import ROOT, SigningKey
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import BEACON, CATALOGUE, CONTROL, DEVICE, PART, PERSON, RAW
from tests.processors.twin import TwinAuthority
from tests.processors.world import START_MS, World
from tests.stack import brokers


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the condition's first true value, or fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


@dataclass
class Worker:
    """One ``overt-processors refine`` and its log."""

    process: "subprocess.Popen[bytes]"
    state: Path
    log: Path

    @property
    def is_ready(self) -> bool:
        """Whether it has partitions."""
        return (self.state / "ready").exists()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of one event."""
        rows = [json.loads(row) for row in self.log.read_text().splitlines() if row[:1] == "{"]
        return [row for row in rows if row["event"] == event]

    def child(self) -> int:
        """Return the pid of the Faust worker that runs now."""
        return int(self.lines("worker_started")[-1]["pid"])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Signal the supervisor; returns its exit code and how long it took."""
        started = time.monotonic()
        self.process.send_signal(how)
        code = self.process.wait(30)
        return code, time.monotonic() - started


@dataclass
class Stand:
    """Everything a worker needs."""

    running: Running
    world: World
    folder: Path
    twin: TwinAuthority
    devices: list[ScriptedDevice] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Kept, because what an admin client was asked is forgotten with the client.
        self.admin = AdminClient(self.running.admin())

    def producer(self) -> Producer:
        """Return a producer that may do everything."""
        return Producer(client.producer(self.running.admin()))

    def publish_registries(self) -> None:
        """Write the world's registry records."""
        producer = self.producer()
        world = self.world
        rows: list[tuple[str, bytes | None, Signed]] = [
            (CONTROL, b"keyset", world.key_set()),
            (CONTROL, b"policy/lab/1", world.policy),
            (DEVICE, world.device.device, world.authority.sign_record(world.device)),
            (PERSON, world.person.person.encode(), world.authority.sign_record(world.person)),
        ]
        rows += [(BEACON, None, world.authority.sign_record(b)) for b in world.beacons]
        for topic, key, signed in rows:
            producer.produce(topic, codec.encode(signed), key, partition=0)
        assert producer.flush(20) == 0

    def enrol(self, at_ms: int = START_MS) -> ScriptedDevice:
        """Return a new device of the world's person, known to the registries."""
        world = self.world
        device = ScriptedDevice(
            device=new_id(), boot=new_id(), policy=world.scripted.policy,
            consent=f"c-{len(self.devices):016x}", processor=world.scripted.processor,
            processor_key=world.scripted.processor_key,
        )  # fmt: skip
        record = Device(
            device=device.device, group=world.device.group, version=1, state="active",
            signing_key=device.signer.public_bytes(), pauses=(),
            spans=(SealSpan(person=device.person, from_ms=at_ms - 3_600_000, to_ms=0),),
        )  # fmt: skip
        self.devices.append(device)
        consents = tuple(
            type(world.consent)(
                consent=d.consent, device=d.device, policy=d.policy,
                purposes=world.consent.purposes, from_ms=at_ms - 3_600_000, to_ms=0,
            )
            for d in self.devices
        )  # fmt: skip
        world.change_person(consents=(world.consent, *consents))
        producer = self.producer()
        self._put(producer, DEVICE, device.device, record)
        self._put(producer, PERSON, world.person.person.encode(), world.person)
        assert producer.flush(20) == 0
        return device

    def _put(self, producer: Producer, topic: str, key: bytes, record: Device | Person) -> None:
        signed = self.world.authority.sign_record(record)
        producer.produce(topic, codec.encode(signed), key, partition=0)

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Write one record as it is given."""
        producer = self.producer()
        producer.produce(topic, value, key)
        assert producer.flush(20) == 0

    def new_epoch(self) -> None:
        """Let the processors' next epoch begin: the key set names its key, the twin has it."""
        world = self.world
        world.scripted.processor = hpke.PrivateKey.generate()
        world.scripted.processor_key = "seal-2"
        world.key_set_version += 1
        self.send(CONTROL, b"keyset", codec.encode(world.key_set()))

    def run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run one of the product's commands to its end."""
        program = str(Path(sys.executable).parent / command[0])
        return subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, check=False, timeout=60
        )

    def start(self, stream: Stream = Stream.INPUT, name: str = "a", **extra: Any) -> Worker:
        """Start a worker with its own state directory; returns at once."""
        state = self.folder / f"{stream.name}-{name}"
        state.mkdir(mode=0o700, exist_ok=True)
        given = self.running.settings(f"refine-{stream.name.lower()}").read_text()
        values = {**__import__("tomllib").loads(given), "state_dir": str(state), **extra}
        config = state / "settings.toml"
        config.touch(mode=0o600)
        config.write_text(tomli_w.dumps(values))
        log = state / "log"
        command = [str(Path(sys.executable).parent / "overt-processors"), "refine"]
        command += ["--stream", stream.name.lower(), "--config", str(config)]
        with log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        worker = Worker(process=process, state=state, log=log)
        self.workers.append(worker)
        return worker

    def pid(self, service: str) -> int:
        """Return the pid of one of the stack's servers."""
        return next(row.pid for row in self.running.status() if row.name == service)

    def committed(self, stream: Stream = Stream.INPUT) -> dict[int, int]:
        """Return the group's committed offsets."""
        group = f"refine-{stream.name.lower()}"
        consumer = Consumer(client.consumer(self.running.admin(), group))
        topic = RAW[stream]
        wanted = [TopicPartition(topic, p) for p in range(CATALOGUE[topic].partitions)]
        found = consumer.committed(wanted, timeout=20)
        consumer.close()
        return {tp.partition: tp.offset for tp in found}

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end offset of each partition."""
        consumer = Consumer(client.registry_reader(self.running.admin(), "ends"))
        found = {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1]
            for p in range(CATALOGUE[topic].partitions)
        }
        consumer.close()
        return found

    def is_drained(self, stream: Stream = Stream.INPUT) -> bool:
        """Whether everything raw was committed."""
        committed, ends = self.committed(stream), self.ends(RAW[stream])
        return all(committed[p] >= end for p, end in ends.items())

    def read(self, topic: str = PART, since: dict[int, int] | None = None) -> list[Any]:
        """Return all records of a topic from those offsets on, in partition and offset order."""
        consumer = Consumer(client.registry_reader(self.running.admin(), "test"))
        starts = since or dict.fromkeys(range(CATALOGUE[topic].partitions), 0)
        consumer.assign([TopicPartition(topic, p, offset) for p, offset in starts.items()])
        rows: list[Any] = []
        done: set[int] = set()
        while len(done) < len(starts):
            for message in consumer.consume(1000, 1.0):
                if message.error() is None:
                    rows.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    done.add(message.partition())
        consumer.close()
        return sorted(rows, key=lambda row: (row.partition(), row.offset()))

    def close(self) -> None:
        """End all workers that still run, in good order where they obey."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self.workers:
            try:
                worker.process.wait(8)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(IndexError, ProcessLookupError):
                    os.kill(worker.child(), signal.SIGKILL)
                worker.process.kill()
                worker.process.wait(10)
        self.workers.clear()


@contextlib.contextmanager
def stand(folder: Path, count: int | None = None) -> Iterator[Stand]:
    """Bring up brokers (``count``, else as many as this run has) and the twin, and down again."""
    with brokers.stack(folder / "stack", count=count) as running:
        layout = running.layout
        root = SigningKey(ROOT, bytes.fromhex(layout.root_key.read_text().strip()))
        world = World(root=root)
        owner = layout.principal("authority")
        twin = TwinAuthority(
            world=world, cert=owner / "cert.pem", key=owner / "key.pem",
            client_ca=layout.client_ca, port=running.ports["authority"],
        )  # fmt: skip
        with twin:
            ready = Stand(running=running, world=world, folder=folder, twin=twin)
            try:
                yield ready
            finally:
                ready.close()
