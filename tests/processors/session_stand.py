"""The session app on a stand: parts are written as refine would, workers are real processes."""

import subprocess
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from overt_processors.core.sessions import fold, state
from overt_processors.core.sessions.reading import read
from overt_schemas import client, codec
from overt_schemas.errors import Permanent
from overt_schemas.records import Session
from overt_schemas.signing import Keyring
from overt_schemas.topics import CATALOGUE, PART, SESSION
from tests.processors.living import Living
from tests.processors.parts import PartsOf
from tests.processors.stand import Stand, Worker

_PACE_S = 0.02


@dataclass
class SessionStand:
    """What the tests of the session app stand on."""

    stand: Stand
    devices: list[PartsOf] = field(default_factory=list)

    def permit(self) -> None:
        """Let the user do what the session app does, and say where its group starts."""
        if not self.stand.running.settings("session").exists():
            rights = (
                (ResourceType.TOPIC, PART, AclOperation.READ),
                (ResourceType.TOPIC, SESSION, AclOperation.READ),
                (ResourceType.TOPIC, SESSION, AclOperation.WRITE),
                (ResourceType.GROUP, "session", AclOperation.READ),
            )
            bindings = [
                AclBinding(kind, name, ResourcePatternType.LITERAL, "User:refine", "*", what,
                           AclPermissionType.ALLOW)
                for kind, name, what in rights
            ]  # fmt: skip
            for future in self.stand.admin.create_acls(bindings).values():
                future.result(20)
        self.command("start-at", "earliest", "--app", "session", "--config", str(self.config("x")))

    def config(self, name: str, **session: float) -> Path:
        """Return a settings file with a state directory of its own."""
        own = self.stand.running.settings("session")
        given = own if own.exists() else self.stand.running.settings("refine-input")
        folder = self.stand.folder / f"session-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        values = {
            **tomllib.loads(given.read_text()), "state_dir": str(folder),
            "session": {"update_s": 1.0, "session_timeout_s": 6.0, **session},
        }  # fmt: skip
        path = folder / "settings.toml"
        path.touch(mode=0o600)
        path.write_text(tomli_w.dumps(values))
        return path

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run ``overt-processors`` to its end."""
        return self.stand.run(["overt-processors", *words])

    def start(self, name: str = "a", **session: float) -> Worker:
        """Start a worker; returns at once."""
        config = self.config(name, **session)
        log = config.parent / "log"
        command = [str(Path(sys.executable).parent / "overt-processors"), "session"]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*command, "--config", str(config)], stdout=output, stderr=output
            )
        worker = Worker(process=process, state=config.parent, log=log)
        self.stand.workers.append(worker)
        return worker

    def enrol(self, partition: int) -> PartsOf:
        """Return a device whose parts go to that partition."""
        device = PartsOf(self.stand.world.signer)
        # Which partition it is, is the raw record's matter; here the last byte tells.
        device.device = device.device[:-1] + bytes([partition])
        self.devices.append(device)
        return device

    def write(self, values: list[bytes], key: bytes) -> None:
        """Write records of overt.part.v1."""
        producer = self.stand.producer()
        for value in values:
            producer.produce(PART, value, key, partition=key[-1] % CATALOGUE[PART].partitions)
        assert producer.flush(20) == 0

    def is_drained(self) -> bool:
        """Whether the group committed everything."""
        consumer = Consumer(client.consumer(self.stand.running.admin(), "session"))
        wanted = [TopicPartition(PART, p) for p in range(CATALOGUE[PART].partitions)]
        found = {tp.partition: tp.offset for tp in consumer.committed(wanted, timeout=20)}
        consumer.close()
        ends = self.stand.ends(PART)
        return all(found[p] >= end for p, end in ends.items() if end > 0)

    def records(self) -> list[Session]:
        """Return all session records, in order."""
        return [codec.decode(row.value(), Session) for row in self.stand.read(SESSION)]

    def undisturbed(self, rules: state.Rules) -> list[Session]:
        """Return what one worker that never fell makes of all parts."""
        ring = Keyring(root=self.stand.world.root.public_bytes()).accept(self.stand.world.key_set())
        memories: dict[int, state.Memory] = defaultdict(lambda: state.Memory(rules=rules))
        for row in self.stand.read(PART):
            memory, at_ms = memories[row.partition()], row.timestamp()[1]
            try:
                fold.step(memory, read(row.value(), ring, at_ms), row.offset(), at_ms)
            except Permanent:
                fold.skip(memory, row.offset())
        return [s for m in memories.values() for s in fold.due(m, 0, everything=True)]


@dataclass
class Life(Living):
    """Devices that live while it is open: activities, repeats, tombstones, ends of boots."""

    site: SessionStand
    devices: list[PartsOf]
    rounds: int = 0

    def _run(self) -> None:
        producer = self.site.stand.producer()
        while not self._stop.is_set():
            for number, device in enumerate(self.devices):
                for value in self._next(device, self.rounds + 3 * number):
                    partition = device.device[-1] % CATALOGUE[PART].partitions
                    producer.produce(PART, value, device.device, partition=partition)
            producer.poll(0)
            self.rounds += 1
            self._stop.wait(_PACE_S)
        assert producer.flush(30) == 0

    def _next(self, device: PartsOf, at: int) -> list[bytes]:
        if device.activity < 0 or at % 40 == 0:
            return device.begin()
        if at % 40 == 39:
            return device.finish()
        if at % 160 == 130:  # the tail was killed
            end = [device.boot_end()]
            device.boot = device.boot[:-1] + bytes([(device.boot[-1] + 1) % 256])
            device.next, device.activity = [0, 0], -1
            device._segments.clear()
            return end
        if at % 17 == 0:
            return [device.tombstone(stream) for stream in (0, 1)]  # type: ignore[arg-type]
        values: list[Any] = device.go_on()
        return values + values[:1] if at % 5 == 0 else values
