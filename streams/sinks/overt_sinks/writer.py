"""Brings one object into store and index, as the chain says. SHELL: runs in a writer's thread."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent, Transient
from overt_sinks import chain, container, telemetry
from overt_sinks.container import Object
from overt_sinks.dead_letters import Letters
from overt_sinks.naming import Partition
from overt_sinks.rolling import Write
from overt_sinks.stores.store import AlreadyExists, NotFound


class Bucket(Protocol):
    """What a writer needs of a store; ``store.Store`` is one."""

    def create(self, name: str, data: bytes) -> None:
        """Create an object, or raise ``AlreadyExists``."""
        ...

    def read(self, name: str) -> bytes:
        """Return an object, or raise ``NotFound``."""
        ...


class Rows(Protocol):
    """What a writer needs of an index; ``index.Index`` is one."""

    def insert(self, stored: Object, now_ms: int) -> bool:
        """Insert an object with its runs, once."""
        ...


@dataclass(slots=True)
class Tenure:
    """One stretch of time in which partitions are ours; ``over`` ends waiting for them."""

    over: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An object to make, for as long as the tenure lasts."""

    partition: Partition
    write: Write
    tenure: Tenure


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job: done, given up because its tenure is over, or an error that stops."""

    job: Job
    done: chain.Done | None = None
    error: Exception | None = None


class Writer:
    """Makes objects; may be used by several threads at once."""

    def __init__(
        self, bucket: Bucket, index: Rows, letters: Letters, clock: Clock,
        spread: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._bucket = bucket
        self._index = index
        self._letters = letters
        self._clock = clock
        self._spread = spread

    def run(self, job: Job) -> Outcome:
        """Return what became of the job; never raises."""
        try:
            return Outcome(job=job, done=self._make(job))
        except Exception as exc:  # the loop raises it again, in its own thread
            return Outcome(job=job, error=exc)

    def _make(self, job: Job) -> chain.Done | None:
        write = job.write
        built, data = container.build(job.partition, write.first, write.last, write.records)
        link, effect = chain.begin(built)
        while not isinstance(effect, chain.Done):
            event = self._perform(effect, job, data)
            link, effect = chain.step(link, event, self._clock.boot_ns())
            if link.not_before and not self._waited(link, job):
                return None
        stored = effect.object
        telemetry.object_stored(
            stored.partition.number, stored.records, stored.size, adopted=effect.adopted
        )
        return effect

    def _perform(self, effect: chain.Effect, job: Job, data: bytes) -> chain.Event:
        try:
            match effect:
                case chain.Create(ours):
                    aside = [r for r in job.write.records if r.place is None]
                    self._letters.send(job.partition, aside)
                    self._bucket.create(ours.name, data)
                    return chain.Created()
                case chain.Read(ours):
                    return chain.Found(container.adopt(self._bucket.read(ours.name)))
                case chain.Insert(stored):
                    self._index.insert(stored, self._clock.wall_us() // 1000)
                    return chain.Indexed()
                case chain.Done():
                    raise AssertionError("a finished object has nothing to perform")
        except AlreadyExists:
            return chain.Exists()
        except NotFound as exc:
            if isinstance(effect, chain.Read):
                return chain.Missing(self._spread())
            raise Permanent(
                "the bucket is not there: run stream-ops topology apply", reason="no_bucket"
            ) from exc
        except Transient as exc:
            telemetry.write_retried(job.partition.number, exc.reason)
            return chain.Failed(self._spread())

    def _waited(self, link: chain.Link, job: Job) -> bool:
        """Wait until it may be tried again; False if the tenure ended first."""
        pause_ns = max(0, link.not_before - self._clock.boot_ns())
        return not job.tenure.over.wait(pause_ns / 1e9)
