"""Refine's own code against a model of the brokers, with a crash between any two steps.

Two partitions, two workers and those that were taken for dead: each handles records, has produces
and acknowledgements on their way, may die, be revoked or go on as a zombie; registries and keys
reach each of them late, and epochs change while batches are in flight. Whatever happened, a reader
finds what an undisturbed run would have given.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from overt_processors.acknowledge import Acknowledger
from overt_processors.agents.refine import Refiner
from overt_processors.core.opening import Keys
from overt_processors.core.registry import News, Registries, learn
from overt_processors.registries import answer
from overt_schemas import codec, hpke
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import marks
from overt_schemas.envelope.part import PartHeader, SegmentHeader, load, verify_part
from overt_schemas.records import (
    BootEnd,
    DeadLetter,
    Device,
    KeyCert,
    KeySet,
    Marker,
    Part,
    SealedBatch,
    SealSpan,
    Signed,
)
from overt_schemas.signing import AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN, Keyring
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import DEADLETTER, INPUT, PART
from tests.processors.world import FOR_EVER_MS, START_MS, World, input_batch, spoilt

PARTITIONS = (0, 1)
Fate = tuple[object, ...]
BESIDE: Fate = (
    "letter",
    "outside_lease",
)  # stands beside a withheld mark: together they are one fate


class _AtOnce(ThreadPoolExecutor):
    """What is sent to a thread runs here and now."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as exc:
            done.set_exception(exc)
        return done


@dataclass(frozen=True)
class Tp:
    """A partition as Faust names it."""

    partition: int
    topic: str = INPUT


class Crash(Exception):
    """A worker ended itself."""


@dataclass
class Cluster:
    """What outlives every worker: logs, commits, what the authority published and holds."""

    world: World
    raw: dict[int, list[tuple[bytes | None, bytes | None]]] = field(
        default_factory=lambda: {p: [] for p in PARTITIONS}
    )
    out: dict[int, list[tuple[str, bytes]]] = field(
        default_factory=lambda: {p: [] for p in PARTITIONS}
    )
    committed: dict[int, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    news: list[Signed] = field(default_factory=list)
    epochs: dict[str, hpke.PrivateKey] = field(default_factory=dict)
    version: int = 0

    def publish_key_set(self) -> None:
        """Publish a key set that names every epoch alive."""
        self.version += 1
        world = self.world
        rows = [
            ("authority-1", AUTHORITY, world.authority.public_bytes()),
            ("sign-1", PROCESSOR_SIGN, world.signer.public_bytes()),
            *((name, PROCESSOR_SEAL, key.public_bytes()) for name, key in self.epochs.items()),
        ]
        certs = tuple(
            KeyCert(key_id=i, role=r, public=p, not_before_ms=0, not_after_ms=FOR_EVER_MS)
            for i, r, p in rows
        )
        self.news.append(world.root.sign_record(KeySet(version=self.version, certs=certs)))


class Reader:
    """A worker's registries: as far as it has read; ``read_on`` waits until the machine answers."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.at = 0
        self.current = Registries(keyring=Keyring(root=cluster.world.root.public_bytes()))
        self.waiting: list[Future[Mapping[int, int]]] = []
        self.read(len(cluster.news))

    def read(self, to: int) -> None:
        """Read up to a place of the registries' log."""
        items = [News(signed=s, append_ms=START_MS) for s in self.cluster.news[self.at : to]]
        self.current, self.at = learn(self.current, items).registries, to

    def read_on(self) -> "Future[Mapping[int, int]]":
        self.waiting.append(Future())
        return self.waiting[-1]

    def answer(self) -> None:
        """Read to the end of this moment and let go of who waits."""
        ends = {p: len(log) for p, log in self.cluster.raw.items()}
        self.read(len(self.cluster.news))
        waiting, self.waiting = self.waiting, []
        answer(waiting, ends)


@dataclass
class Pending:
    """A produce on its way: whether it stands in the topic, and who waits to hear of it."""

    topic: str
    value: bytes
    partition: int
    future: "asyncio.Future[None]"
    stands: bool = False


class Worker:
    """One process: the real refiner over a model of Faust."""

    def __init__(self, cluster: Cluster, loop: asyncio.AbstractEventLoop, own: set[int]) -> None:
        self.cluster, self.loop = cluster, loop
        self.pending: list[Pending] = []
        self.reader = Reader(cluster)
        self.task: asyncio.Task[None] | None = None
        self.dead = self.fenced = False
        self.app = SimpleNamespace(
            consumer=SimpleNamespace(_committed_offset={}),
            producer=SimpleNamespace(_producer=SimpleNamespace(send=self._send)),
        )
        self.refiner = Refiner(
            app=self.app, reader=self.reader,  # type: ignore[arg-type]
            keys=self._ask(), key_set=self.reader.current.keyring.version,
            authority=None,  # type: ignore[arg-type]
            clock=SimpleNamespace(wall_us=lambda: START_MS * 1000, boot_ns=lambda: 0),
            acknowledger=Acknowledger(fail=self._fail),
            ask=lambda *_: self._ask(),
        )  # fmt: skip
        self.take(own)

    def take(self, own: set[int]) -> None:
        """Be assigned these partitions, after having lost all."""
        if self.task is not None:
            self.task.cancel()  # what Faust does with a record in hand
            self.task = None
        self.refiner.revoke(list(PARTITIONS))
        self.own = own
        committed = {Tp(p): self.cluster.committed[p] for p in own}
        self.app.consumer._committed_offset = committed
        self.at = {tp.partition: offset for tp, offset in committed.items()}
        self.acked = dict(self.at)

    def _ask(self) -> Keys:
        known = self.reader.current.keyring.certs
        epochs = {name: key for name, key in self.cluster.epochs.items() if name in known}
        return Keys(epochs=epochs, signer=self.cluster.world.signer)

    async def _send(
        self, topic: str, value: bytes, key: bytes, partition: int
    ) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self.loop.create_future()
        self.pending.append(Pending(topic, value, partition, future))
        return future

    def _fail(self, *_: object, **__: object) -> None:
        self.dead = True

    def handle(self, partition: int) -> None:
        """Begin with the next record of a partition; it may come to wait for registries."""
        offset = self.at[partition]
        key, value = self.cluster.raw[partition][offset]
        message = SimpleNamespace(
            tp=Tp(partition), topic=INPUT, offset=offset, key=key, value=value, timestamp=1.0
        )
        event = SimpleNamespace(message=message, ack=lambda: self._acknowledged(partition, offset))
        self.at[partition] += 1
        self.task = self.loop.create_task(self.refiner.handle(event))

    def _acknowledged(self, partition: int, offset: int) -> None:
        assert offset == self.acked[partition], "acknowledged out of order"
        self.acked[partition] = offset + 1

    def deliver(self, at: int, *, heard: bool) -> None:
        """Let the brokers take the oldest produce of a partition; its sender may not hear of it."""
        item = self._oldest(at)
        if not item.stands:
            self.cluster.out[item.partition].append((item.topic, item.value))
            item.stands = True
        if heard:
            self.pending.remove(item)
            item.future.set_result(None)

    def refuse(self, at: int) -> None:
        """Let the brokers refuse for good whatever is on its way to a partition."""
        first = self._oldest(at)
        refused = [
            item for item in self.pending
            if (item.topic, item.partition) == (first.topic, first.partition) and not item.stands
        ]  # fmt: skip
        for item in refused:
            self.pending.remove(item)
            item.future.set_exception(Crash())

    def _oldest(self, at: int) -> Pending:
        """Return the first on its way to the partition of the one at ``at``: order is kept."""
        wanted = self.pending[at]
        return next(
            item for item in self.pending
            if (item.topic, item.partition) == (wanted.topic, wanted.partition)
        )  # fmt: skip

    def commit(self) -> None:
        """Commit what is acknowledged; a worker that is not in the group any more cannot."""
        if self.fenced:
            return
        for p in self.own:
            self.cluster.committed[p] = max(self.cluster.committed[p], self.acked[p])


class RefineMachine(RuleBasedStateMachine):
    """All that may happen to refine."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(_AtOnce())
        self.errors: list[object] = []  # of callbacks: nobody else would hear of them
        self.loop.set_exception_handler(lambda _loop, what: self.errors.append(what))
        world = World()
        self.cluster = Cluster(world=world)
        self.cluster.epochs[world.scripted.processor_key] = world.scripted.processor
        self.cluster.publish_key_set()
        sign = world.authority.sign_record
        self.cluster.news += [world.policy, *map(sign, world.beacons), sign(world.person)]
        # By partition its devices. (In Kafka the key's hash says which.)
        self.devices: dict[int, list[ScriptedDevice]] = {p: [] for p in PARTITIONS}
        self.expected: dict[tuple[int, int], Fate] = {}
        self.torn: set[tuple[bytes, int]] = set()  # numbers of batches that become letters alone
        for partition in PARTITIONS:
            self.enrol(partition)
        self.workers = [Worker(self.cluster, self.loop, {p}) for p in PARTITIONS]
        self.zombies: list[Worker] = []

    def teardown(self) -> None:
        """Let everything go right from here on, then compare with an undisturbed run."""
        gone = self.all()
        try:
            self.finish()
        finally:
            for worker in gone:
                if worker.task is not None:
                    worker.task.cancel()
            self.settle()
            self.loop.close()

    def finish(self) -> None:
        self.workers = [Worker(self.cluster, self.loop, set(PARTITIONS))]
        worker = self.workers[0]
        for p in PARTITIONS:
            while worker.at[p] < len(self.cluster.raw[p]):
                worker.handle(p)
                while not self.task_is_over(worker):
                    worker.reader.answer()
        while worker.pending:
            worker.deliver(0, heard=True)
        self.settle()
        worker.commit()
        assert self.cluster.committed == {p: len(log) for p, log in self.cluster.raw.items()}
        found = self.fates()
        assert {place: {fate} for place, fate in self.expected.items()} == found

    def settle(self) -> None:
        """Let everything run that can."""
        for _ in range(6):
            self.loop.run_until_complete(asyncio.sleep(0))
        assert self.errors == []

    def task_is_over(self, worker: Worker) -> bool:
        self.settle()
        if worker.task is not None and worker.task.done():
            worker.task.result()
            worker.task = None
        return worker.task is None

    # --- the world goes on ------------------------------------------------------------------

    @rule(
        partition=st.sampled_from(PARTITIONS),
        what=st.sampled_from(["enrol", "new_epoch", "retire_epoch"]),
    )
    def change_the_world(self, partition: int, what: str) -> None:
        """And let somebody use it at once: workers learn of it later."""
        if what == "enrol" and sum(map(len, self.devices.values())) < 5:
            self.enrol(partition)
        elif what == "new_epoch" and len(self.cluster.epochs) < 4:
            self.new_epoch()
        elif what == "retire_epoch" and len(self.cluster.epochs) > 1:
            self.retire_epoch()
            return
        self.publish(partition, len(self.devices[partition]) - 1, 1)

    def enrol(self, partition: int) -> None:
        """The authority's record is there before the device gets its certificate."""
        world, number = self.cluster.world, sum(map(len, self.devices.values()))
        scripted = world.scripted
        device = ScriptedDevice(
            device=bytes([number + 1]) * 16, boot=bytes([number + 65]) * 16,
            policy=scripted.policy, consent=f"c-{number:016x}", processor=scripted.processor,
            processor_key=scripted.processor_key,
        )  # fmt: skip
        record = Device(
            device=device.device, group=world.device.group, version=1, state="active",
            signing_key=device.signer.public_bytes(), pauses=(),
            spans=(SealSpan(person=device.person, from_ms=START_MS - 60_000, to_ms=0),),
        )  # fmt: skip
        consent = replace(
            world.consent, consent=device.consent, device=device.device, from_ms=START_MS - 60_000
        )
        world.change_person(consents=(*world.person.consents, consent))
        sign = world.authority.sign_record
        self.cluster.news += [sign(record), sign(world.person)]
        self.devices[partition].append(device)

    def new_epoch(self) -> None:
        """The next epoch begins: its key is named before anybody seals for it."""
        scripted, name = self.cluster.world.scripted, f"seal-{self.cluster.version + 1}"
        scripted.processor, scripted.processor_key = hpke.PrivateKey.generate(), name
        self.cluster.epochs[name] = scripted.processor
        self.cluster.publish_key_set()
        for devices in self.devices.values():
            for device in devices:
                device.processor, device.processor_key = scripted.processor, name

    def retire_epoch(self) -> None:
        """An epoch is over once nothing that it opens can still come: retention, in the model."""
        oldest = next(iter(self.cluster.epochs))
        if oldest not in self.unread():
            del self.cluster.epochs[oldest]
            self.cluster.publish_key_set()

    def unread(self) -> set[str]:
        """Return the epochs of batches that may still be read: above commits and reading places."""
        found = set()
        for p, log in self.cluster.raw.items():
            # One that is in a zombie's hand lies just before its reading place.
            zombies = [w.at[p] - 1 for w in self.zombies if p in w.own]
            at = max(0, min([self.cluster.committed[p], *zombies]))
            for _, value in log[at:]:
                if value is not None and value[:5] == b"\0\0\0\0\1":
                    record = codec.decode(value, SealedBatch)
                    found.add(envelope.period_of(record).processor_key)
        found |= {d.processor_key for devices in self.devices.values() for d in devices}
        return found

    def append(self, partition: int, key: bytes | None, value: bytes | None, fate: Fate) -> None:
        log = self.cluster.raw[partition]
        self.expected[partition, len(log)] = fate
        log.append((key, value))

    def seal(self, partition: int, which: int) -> tuple[ScriptedDevice, envelope.Sealed]:
        devices = self.devices[partition]
        device = devices[which % len(devices)]
        at_ms = START_MS + device.batches
        sealed = device.seal(device.period(0, START_MS * 1000), input_batch(at_ms))
        return device, sealed

    @rule(
        partition=st.sampled_from(PARTITIONS), which=st.integers(0, 4), count=st.integers(1, 4),
        kind=st.sampled_from([
            "batch", "batch", "batch", "drop", "boot_end", "junk", "empty", "stranger", "torn",
            "early", "early",
        ]),
    )  # fmt: skip
    def publish_something(self, partition: int, which: int, count: int, kind: str) -> None:
        """What comes most is most of it, so that there is something to go wrong."""
        if kind == "batch":
            self.publish(partition, which, count)
        elif kind == "drop":
            self.drop(partition, which)
        elif kind == "boot_end":
            self.end_boot(partition, which)
        else:
            self.publish_what_is_refused(partition, kind)

    def publish(self, partition: int, which: int, count: int) -> None:
        for _ in range(count):
            device, sealed = self.seal(partition, which)
            fate = ("part", device.device, device.boot, device.batches - 1, sealed.hash)
            self.append(partition, device.device, codec.encode(sealed.record), fate)

    def drop(self, partition: int, which: int) -> None:
        device, sealed = self.seal(partition, which)
        value = codec.encode(envelope.drop(sealed.tombstone, "age"))
        fate = ("tombstone", device.device, device.boot, device.batches - 1, sealed.hash)
        self.append(partition, device.device, value, fate)

    def end_boot(self, partition: int, which: int) -> None:
        devices = self.devices[partition]
        device = devices[which % len(devices)]
        said = BootEnd(
            device=device.device, boot=bytes(16), next_boot=device.boot, input_batches=3,
            frame_batches=3, at_us=START_MS * 1000, clean=False, person=device.person,
        )  # fmt: skip
        value = codec.encode(device.signer.sign_record(said))
        self.append(partition, device.device, value, ("boot_end", device.device, bytes(16)))

    @rule(partition=st.sampled_from(PARTITIONS), data=st.data())
    @precondition(lambda self: any(self.cluster.raw.values()))
    def publish_again(self, partition: int, data: st.DataObject) -> None:
        """An endpoint that did not hear of its success sends once more."""
        log = self.cluster.raw[partition]
        if log:
            at = data.draw(st.integers(0, len(log) - 1))
            epoch_is_alive = self.epoch_of(log[at][1]) in {"", *self.cluster.epochs}
            if epoch_is_alive:
                self.append(partition, *log[at], self.expected[partition, at])

    def epoch_of(self, value: bytes | None) -> str:
        if value is None or value[:5] != b"\0\0\0\0\1":
            return ""
        return envelope.period_of(codec.decode(value, SealedBatch)).processor_key

    def publish_what_is_refused(self, partition: int, kind: str) -> None:
        device = self.devices[partition][0]
        if kind == "junk":
            self.append(partition, device.device, b"junk", ("letter", "malformed"))
        elif kind == "empty":
            self.append(partition, device.device, None, ("letter", "empty"))
        elif kind == "stranger":
            processor = self.cluster.world.scripted
            other = ScriptedDevice(
                device=bytes([200]) * 16, processor=processor.processor,
                processor_key=processor.processor_key,
            )  # fmt: skip
            sealed = other.seal(other.period(0, START_MS * 1000), input_batch(START_MS))
            value = codec.encode(sealed.record)
            self.append(partition, other.device, value, ("letter", "unknown_device"))
        elif kind == "torn":
            device, sealed = self.seal(partition, 0)
            self.torn.add((device.device, device.batches - 1))
            torn = replace(sealed.record, ciphertext=spoilt(sealed.record.ciphertext))
            self.append(partition, device.device, codec.encode(torn), ("letter", "tag"))
        else:
            sealed = device.seal(device.period(0, START_MS * 1000), input_batch(START_MS - 20_000))
            fate = ("withheld", device.device, device.boot, device.batches - 1, sealed.hash)
            self.append(partition, device.device, codec.encode(sealed.record), fate)

    # --- workers go on ----------------------------------------------------------------------

    def all(self) -> list[Worker]:
        return [*self.workers, *self.zombies]

    def idle(self) -> list[tuple[Worker, int]]:
        """Workers that could take a record, with the partition of it."""
        return [
            (w, p) for w in self.all() if w.task is None and not w.dead
            for p in w.own if w.at[p] < len(self.cluster.raw[p])
        ]  # fmt: skip

    @rule(at=st.integers(0, 1))
    def work(self, at: int) -> None:
        """Nothing goes wrong for a while."""
        worker = self.workers[at]
        worker.reader.answer()
        if not self.task_is_over(worker):
            return
        for partition in sorted(worker.own):
            while (worker, partition) in self.idle():
                worker.handle(partition)
                while not self.task_is_over(worker):
                    worker.reader.answer()
        while worker.pending:
            worker.deliver(0, heard=True)
        self.settle()
        worker.commit()
        self.tick(at)

    @rule(data=st.data(), count=st.integers(1, 6))
    @precondition(lambda self: bool(self.idle()))
    def handle(self, data: st.DataObject, count: int) -> None:
        worker, partition = data.draw(st.sampled_from(self.idle()))
        for _ in range(count):
            if (worker, partition) in self.idle():
                worker.handle(partition)
                self.task_is_over(worker)

    @rule(data=st.data(), far=st.booleans())
    def read_registries(self, data: st.DataObject, far: bool) -> None:
        worker = data.draw(st.sampled_from(self.all()))
        news = len(self.cluster.news)
        worker.reader.read(news if far else data.draw(st.integers(worker.reader.at, news)))

    @rule()
    @precondition(lambda self: any(w.reader.waiting for w in self.all()))
    def answer(self) -> None:
        for worker in self.all():
            worker.reader.answer()
            self.task_is_over(worker)

    @rule(data=st.data(), heard=st.booleans(), count=st.integers(1, 6))
    @precondition(lambda self: any(w.pending for w in self.all()))
    def deliver(self, data: st.DataObject, heard: bool, count: int) -> None:
        worker = data.draw(st.sampled_from([w for w in self.all() if w.pending]))
        for _ in range(min(count, len(worker.pending))):
            worker.deliver(data.draw(st.integers(0, len(worker.pending) - 1)), heard=heard)
        self.settle()

    @rule(data=st.data())
    @precondition(lambda self: any(w.pending for w in self.all()))
    def refuse(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([w for w in self.all() if w.pending]))
        worker.refuse(data.draw(st.integers(0, len(worker.pending) - 1)))
        self.settle()
        self.bury()

    def bury(self) -> None:
        """Start again who ended itself; a zombie that did is gone."""
        for zombie in [w for w in self.zombies if w.dead]:
            self.kill(zombie)
            self.zombies.remove(zombie)
        for at, worker in enumerate(self.workers):
            if worker.dead:
                self.replace(at, worker.own)

    def kill(self, worker: Worker) -> None:
        """Leave nothing of a worker behind but what stands in topics."""
        if worker.task is not None:
            worker.task.cancel()
            self.settle()

    def replace(self, at: int, own: set[int]) -> None:
        self.kill(self.workers[at])
        self.workers[at] = Worker(self.cluster, self.loop, own)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.all())).commit()

    @rule(
        at=st.integers(0, 1), first=st.sampled_from([set(), {0}, {1}, {0, 1}]),
        how=st.sampled_from(["crash", "rebalance", "zombie"]),
    )  # fmt: skip
    def disturb(self, at: int, first: set[int], how: str) -> None:
        if how == "crash":
            self.crash(at)
        elif how == "rebalance":
            self.rebalance(first)
        elif len(self.zombies) < 2:
            self.leave_a_zombie(at)

    def crash(self, at: int) -> None:
        self.replace(at, self.workers[at].own)

    def rebalance(self, first: set[int]) -> None:
        shares = (first, set(PARTITIONS) - first)
        for worker, own in zip(self.workers, shares, strict=True):
            worker.take(set(own))

    def leave_a_zombie(self, at: int) -> None:
        """Stopped for so long that its partitions went to another, and now it goes on."""
        zombie = self.workers[at]
        zombie.fenced = True
        self.zombies.append(zombie)
        self.workers[at] = Worker(self.cluster, self.loop, set(zombie.own))

    @rule(at=st.integers(0, 1))
    def tick(self, at: int) -> None:
        worker = self.workers[at]
        ticking = self.loop.create_task(worker.refiner.tick(START_MS))
        self.settle()
        assert ticking.done()
        ticking.result()

    # --- what always holds ------------------------------------------------------------------

    def fates(self) -> dict[tuple[int, int], set[Fate]]:
        """Return by raw record what came out for it, but for the letters beside withheld marks."""
        found: dict[tuple[int, int], set[Fate]] = defaultdict(set)
        for partition, rows in self.cluster.out.items():
            for topic, value in rows:
                place, fate = self.fate(topic, value)
                assert place[0] == partition
                if fate != BESIDE:
                    found[place].add(fate)
        return found

    def letters(self) -> set[tuple[int, int]]:
        """Return the raw records that lie in a dead letter."""
        rows = [row for rows in self.cluster.out.values() for row in rows]
        letters = [codec.decode(value, DeadLetter) for topic, value in rows if topic == DEADLETTER]
        return {(letter.partition, letter.offset) for letter in letters}

    def fate(self, topic: str, value: bytes) -> tuple[tuple[int, int], Fate]:
        public = self.cluster.world.signer.public_bytes()
        if topic == DEADLETTER:
            letter = codec.decode(value, DeadLetter)
            key, raw = self.cluster.raw[letter.partition][letter.offset]
            assert (letter.key, letter.value) == (key or b"", raw or b"")
            return (letter.partition, letter.offset), ("letter", letter.reason)
        assert topic == PART
        if value[:5] == b"\0\0\0\0\3":
            part = codec.decode(value, Part)
            segment, header = verify_part(part, public)
            assert segment == load(SegmentHeader, part.segment)
            assert header == load(PartHeader, part.header)
            fate: Fate = ("part", segment.device, segment.boot, header.batch, header.raw)
            return (header.partition, header.offset), fate
        mark = marks.verify_mark(codec.decode(value, Marker), public)
        match mark:
            case marks.BootEndMark():
                return (mark.partition, mark.offset), ("boot_end", mark.device, mark.boot)
            case marks.TombstoneMark() | marks.WithheldMark():
                fate = (mark.kind, mark.device, mark.boot, mark.batch, mark.raw)
                return (mark.partition, mark.offset), fate
            case _:
                raise AssertionError(mark)

    @invariant()
    def every_record_has_one_fate_and_what_is_committed_has_it(self) -> None:
        found = self.fates()
        for place, fates in found.items():
            assert fates == {self.expected[place]}
        for partition in PARTITIONS:
            for offset in range(self.cluster.committed[partition]):
                assert (partition, offset) in found
                if self.expected[partition, offset][0] == "withheld":
                    assert (partition, offset) in self.letters()

    @invariant()
    def batches_of_a_device_come_in_their_order_however_often(self) -> None:
        for rows in self.cluster.out.values():
            seen: dict[bytes, int] = {}
            for topic, value in rows:
                if topic != PART:
                    continue
                _, fate = self.fate(topic, value)
                if len(fate) != 5:
                    continue
                device, number = fate[1], fate[3]
                assert isinstance(device, bytes)
                assert isinstance(number, int)
                following = seen.get(device, -1) + 1
                while (device, following) in self.torn:
                    following += 1
                assert number <= following
                seen[device] = max(seen.get(device, -1), number)

    @invariant()
    def keys_of_an_epoch_that_is_over_are_nowhere_in_a_worker_that_heard_of_it(self) -> None:
        for worker in self.workers:
            refiner, version = worker.refiner, worker.reader.current.keyring.version
            if refiner.key_set == version == self.cluster.version:
                assert set(refiner.keys.epochs) == set(self.cluster.epochs)
                assert refiner.memory.periods.epochs() <= set(self.cluster.epochs)


RefineMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None
)  # fmt: skip
TestRefineWithCrashes = RefineMachine.TestCase


@pytest.mark.long
class TestRefineWithCrashesForLong(RefineMachine.TestCase):  # type: ignore[misc, valid-type]
    """The same, for as long as it takes to be quiet."""

    settings = settings(max_examples=1500, stateful_step_count=80, deadline=None)
