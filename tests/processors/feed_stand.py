"""The feed app on a stand: grants, their topics and rights, parts as refine would write them."""

import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from overt_schemas import client, codec
from overt_schemas.feed import ORIGIN, topic_of, unpack_origin
from overt_schemas.records import ConsentSpan, Grant, Part, Person
from overt_schemas.signing import Keyring
from overt_schemas.topics import CATALOGUE, GRANT, PART, PERSON
from tests.processors.living import Living
from tests.processors.stand import Stand, Worker
from tests.processors.world import FOR_EVER_MS, START_MS
from tests.subscriber import sealing
from tests.subscriber.authority_twin import MemoryAuthority, run_of

READ, WRITE = AclOperation.READ, AclOperation.WRITE
PURPOSE = "research"


@dataclass
class FeedStand:
    """What the tests of the feed app stand on."""

    stand: Stand
    devices: list[sealing.Device] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    version: int = 100  # the world has published this person before

    def __post_init__(self) -> None:
        self._producer = self.stand.producer()

    @property
    def user(self) -> str:
        """Who the app comes in as: its own principal where the stack has one."""
        return str(tomllib.loads(self._given().read_text())["kafka"]["username"])

    def permit(self) -> None:
        """Let the user do what the feed app does, and say where its group starts."""
        self.allow((ResourceType.TOPIC, PART, READ), (ResourceType.GROUP, "feed", READ))
        config = str(self.config("x"))
        self.stand.run(
            ["overt-processors", "start-at", "earliest", "--app", "feed", "--config", config]
        )

    def allow(self, *rights: tuple[ResourceType, str, AclOperation], who: str = "") -> None:
        """Give rights, to the app unless somebody else is named."""
        bindings = [
            AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{who or self.user}", "*",
                       what, AclPermissionType.ALLOW)
            for kind, name, what in rights
        ]  # fmt: skip
        for future in self.stand.admin.create_acls(bindings).values():
            future.result(20)

    def make_topic(self, grant: str, *, writable: bool = True) -> None:
        """Make a grant's feed."""
        new = NewTopic(topic_of(grant), 1, 1)
        for future in self.stand.admin.create_topics([new]).values():
            future.result(20)
        if writable:
            self.allow((ResourceType.TOPIC, topic_of(grant), WRITE))

    def drop_topic(self, grant: str) -> None:
        """Take it away."""
        for future in self.stand.admin.delete_topics([topic_of(grant)]).values():
            future.result(20)

    def grant(self, name: str, state: str = "active") -> None:
        """Publish a grant over the person, or its next version."""
        known = self.grants.get(name)
        made = Grant(
            grant=name, version=known.version + 1 if known else 1, subscriber="alice",
            purpose=PURPOSE, cohort=(sealing.PERSON,), streams=(0, 1), not_before_ms=START_MS,
            not_after_ms=FOR_EVER_MS, approvers=("op-1", "op-2"), state=state,
        )  # fmt: skip
        self.grants[name] = made
        signed = self.stand.world.authority.sign_record(made)
        self._put(GRANT, name.encode(), codec.encode(signed))

    def person(self, state: str = "active") -> None:
        """Publish the person, with a consent for each device."""
        self.version += 1
        consents = tuple(
            ConsentSpan(
                consent="c-0123456789abcdef", device=device.device, policy="0" * 64,
                purposes=(PURPOSE,), from_ms=START_MS, to_ms=0,
            )
            for device in self.devices
        )  # fmt: skip
        person = Person(
            person=sealing.PERSON, version=self.version, state=state, keys=(), consents=consents
        )
        signed = self.stand.world.authority.sign_record(person)
        self._put(PERSON, person.person.encode(), codec.encode(signed))

    def enrol(self) -> sealing.Device:
        """Return a new device of the person."""
        number = len(self.devices) + 1
        device = sealing.Device(device=bytes([number]) * 16, processor=self.stand.world.signer)
        self.devices.append(device)
        self.person()
        return device

    def write(self, *values: Part | Any) -> None:
        """Write records of overt.part.v1."""
        self._put(PART, b"k", *(codec.encode(value) for value in values))

    def _put(self, topic: str, key: bytes, *values: bytes) -> None:
        for value in values:
            self._producer.produce(topic, value, key, partition=0)
        assert self._producer.flush(20) == 0

    def _given(self) -> Path:
        own = self.stand.running.settings("feed")
        return own if own.exists() else self.stand.running.settings("refine-input")

    def config(self, name: str) -> Path:
        """Return a settings file with a state directory of its own."""
        folder = self.stand.folder / f"feed-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        values = {
            **tomllib.loads(self._given().read_text()), "state_dir": str(folder),
            "feed": {"session_timeout_s": 6.0},
        }  # fmt: skip
        path = folder / "settings.toml"
        path.touch(mode=0o600)
        path.write_text(tomli_w.dumps(values))
        return path

    def start(self, name: str = "a") -> Worker:
        """Start a worker; returns at once."""
        config = self.config(name)
        log = config.parent / "log"
        command = [str(Path(sys.executable).parent / "overt-processors"), "feed"]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*command, "--config", str(config)], stdout=output, stderr=output
            )
        worker = Worker(process=process, state=config.parent, log=log)
        self.stand.workers.append(worker)
        return worker

    def is_drained(self) -> bool:
        """Whether the group committed everything."""
        consumer = Consumer(client.consumer(self.stand.running.admin(), "feed"))
        wanted = [TopicPartition(PART, p) for p in range(CATALOGUE[PART].partitions)]
        found = {tp.partition: tp.offset for tp in consumer.committed(wanted, timeout=20)}
        consumer.close()
        return all(found[p] >= end for p, end in self.stand.ends(PART).items() if end > 0)

    def count(self, grant: str) -> int:
        """Return how many records stand in a grant's feed."""
        consumer = Consumer(client.registry_reader(self.stand.running.admin(), "count"))
        _, end = consumer.get_watermark_offsets(TopicPartition(topic_of(grant), 0), timeout=20)
        consumer.close()
        return int(end)

    def feed(self, grant: str) -> list[Any]:
        """Return all records of a grant's feed, once nobody writes to it."""
        return self.stand.read(topic_of(grant), {0: 0})


def delays_s(rows: list[Any]) -> list[float]:
    """Return how long after its part each record of a feed was appended."""
    return [
        row.timestamp()[1] / 1000 - unpack_origin(dict(row.headers())[ORIGIN])[3] / 1000
        for row in rows
    ]


class Store(MemoryAuthority):
    """What the sink has: records some seconds after they were written. The grant may end."""

    def __init__(self, site: FeedStand, delay_s: float) -> None:
        super().__init__([])
        self.signed, self._root = site.stand.world.key_set(), site.stand.world.root
        self._delay_s, self._written = delay_s, list[tuple[float, Any]]()
        self.refusal: Exception | None = None

    def add(self, *values: Any) -> None:
        at_s = time.monotonic()
        for value in values:
            self._written.append((at_s, run_of([value], f"run-{len(self._written)}")))

    def keyring(self) -> Keyring:
        return Keyring(root=self._root.public_bytes()).accept(self.signed)

    def segments(self, grant: str, after: str, limit: int) -> Any:
        if self.refusal is not None:
            raise self.refusal
        until_s = time.monotonic() - self._delay_s
        self.rows = [row for at_s, row in list(self._written) if at_s <= until_s]
        return super().segments(grant, after, limit)


@dataclass
class Typist(Living):
    """Writes a session of one device, a part of each stream every so often, while it is open."""

    site: FeedStand
    device: sealing.Device
    store: Store | None = None
    pace_s: float = 0.05
    count: int = 0

    def _run(self) -> None:
        while True:
            is_last = self._stop.wait(self.pace_s)
            ends: dict[str, Any] = {"first": self.count == 0, "final": is_last}
            at_us = time.time_ns() // 1000
            typed = sealing.key_events(self.count, "x", start_us=at_us, **ends)
            values = [self.device.seal(typed), self.device.seal(sealing.empty_frames(**ends))]
            self.site.write(*values)
            if self.store is not None:
                self.store.add(*values)
            self.count += 1
            if is_last:
                return
