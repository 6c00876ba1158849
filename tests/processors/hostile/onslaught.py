"""Hostile records against real workers, good traffic in between, and what came of each.

Everything is measured by the brokers' own append times: what a record waited is the append of its
part or letter less its own.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
from confluent_kafka import Producer

from overt_processors.metrics import REASONS
from overt_schemas import codec
from overt_schemas.envelope.part import PartHeader, load
from overt_schemas.ids import Stream
from overt_schemas.records import DeadLetter, Part
from overt_schemas.topics import DEADLETTER, PART, RAW
from tests.processors.hostile.cast import Cast, Fate, Hostile, good
from tests.processors.hostile.corpus import corpus
from tests.processors.stand import Stand, Worker, until

Place = tuple[str, int, int]  # topic, partition, offset
_GOOD_EVERY = 10  # hostile records between two good ones of each stream
_WARM = 300  # good records before memory is measured: every path and buffer was used


@dataclass(slots=True)
class Sent:
    """What the brokers took: where it stands, when it came, and what it was."""

    hostile: dict[Place, tuple[Hostile, int]] = field(default_factory=dict)
    good: dict[Place, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def on_hostile(self, hostile: Hostile) -> Callable[[Any, Any], None]:
        """Return the delivery callback of a hostile record."""
        return lambda error, message: self._note(error, message, hostile)

    def on_good(self, error: Any, message: Any) -> None:
        """Take a good record's delivery."""
        self._note(error, message, None)

    def _note(self, error: Any, message: Any, hostile: Hostile | None) -> None:
        if error is not None:
            self.errors.append(error.name())
            return
        place = (message.topic(), message.partition(), message.offset())
        at_ms = message.timestamp()[1]
        if hostile is None:
            self.good[place] = at_ms
        else:
            self.hostile[place] = (hostile, at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of everything.

    Attributes:
        wrong: hostile records whose fate was not theirs, as (kind, what became of it).
        waited_ms: of good records, append to append of the part.
        stuck_ms: of hostile ones, append to append of the letter or part.
        grown_kb: resident memory of each worker after, less before.
    """

    sent: int
    letters: int
    parts: int
    wrong: list[tuple[str, str]]
    good_lost: int
    waited_ms: list[int]
    stuck_ms: list[int]
    grown_kb: list[int]
    seconds: float
    ended: int  # workers that ended by themselves

    def figures(self) -> dict[str, float]:
        """Return the bench row."""
        waited, stuck = sorted(self.waited_ms), sorted(self.stuck_ms)
        return {
            "records": self.sent, "letters": self.letters, "reached_a_part": len(self.wrong),
            "crashes": self.ended, "good": len(waited), "good_lost": self.good_lost,
            "good_p50_ms": waited[len(waited) // 2], "good_p99_ms": waited[len(waited) * 99 // 100],
            "hostile_p99_ms": stuck[len(stuck) * 99 // 100], "hostile_max_ms": stuck[-1],
            "memory_grown_mb": round(max(self.grown_kb) / 1024, 1), "seconds": round(self.seconds),
        }  # fmt: skip


def prepare(site: Stand) -> Cast:
    """Publish the cast's registries."""
    cast = Cast(site.world)
    producer = site.producer()
    for topic, key, signed in cast.rows():
        producer.produce(topic, codec.encode(signed), key, partition=0)
    assert producer.flush(20) == 0
    return cast


def attack(site: Stand, cast: Cast, workers: list[Worker], count: int, rate: float) -> Outcome:
    """Send ``count`` hostile records at ``rate`` a second; return once all is committed."""
    starts = {topic: site.ends(topic) for topic in (PART, DEADLETTER)}
    sent, producer = Sent(), site.producer()
    for n in range(_WARM):
        _send_good(producer, cast, n, sent)
    assert producer.flush(30) == 0
    _drain(site)
    before = [_resident(worker) for worker in workers]
    began_s = time.monotonic()
    for n, hostile in enumerate(corpus(cast, count)):
        producer.produce(
            hostile.topic, hostile.value, hostile.key, on_delivery=sent.on_hostile(hostile)
        )
        if n % _GOOD_EVERY == 0:
            _send_good(producer, cast, n, sent)
        producer.poll(max(0.0, began_s + n / rate - time.monotonic()))
    assert producer.flush(60) == 0
    _drain(site)
    seconds = time.monotonic() - began_s
    grown = [_resident(worker) - kb for worker, kb in zip(workers, before, strict=True)]
    assert sent.errors == []
    letters = [(row, codec.decode(row.value(), DeadLetter))
               for row in site.read(DEADLETTER, starts[DEADLETTER])]  # fmt: skip
    rows = site.read(PART, starts[PART])
    return _account(sent, letters, rows, grown, seconds, workers)


def _send_good(producer: Producer, cast: Cast, number: int, sent: Sent) -> None:
    for stream in Stream:
        sender = cast.honest[number % len(cast.honest)]
        value = codec.encode(sender.seal(good(stream), stream))
        producer.produce(RAW[stream], value, sender.device.device, on_delivery=sent.on_good)
    producer.poll(0)


def _drain(site: Stand) -> None:
    for stream in Stream:
        until(lambda stream=stream: site.is_drained(stream), 90, f"drained {stream.name}")  # type: ignore[misc]


def _resident(worker: Worker) -> int:
    return int(psutil.Process(worker.child()).memory_info().rss // 1024)


def _account(
    sent: Sent, letters: list[tuple[Any, DeadLetter]], rows: list[Any], grown: list[int],
    seconds: float, workers: list[Worker],
) -> Outcome:  # fmt: skip
    wrong: list[tuple[str, str]] = []
    parts: dict[Place, tuple[bytes, int]] = {}
    for row in rows:
        if row.value()[:5] != b"\0\0\0\0\3":
            continue  # a mark
        header = load(PartHeader, codec.decode(row.value(), Part).header)
        stream = Stream.INPUT if header.schema == 21 else Stream.FRAME
        place = (RAW[stream], header.partition, header.offset)
        parts[place] = (header.raw, row.timestamp()[1])
    aside = {(a.topic, a.partition, a.offset): (a, row.timestamp()[1]) for row, a in letters}
    stuck: list[int] = []
    hashes: dict[Fate, list[bytes]] = {Fate.SAME: [], Fate.CLONE: []}
    for place, (hostile, at_ms) in sent.hostile.items():
        if hostile.fate is not Fate.SET_ASIDE:
            raw, made_ms = parts.get(place, (b"", 0))
            hashes[hostile.fate].append(raw)
            stuck.append(made_ms - at_ms)
        elif place in parts:
            wrong.append((hostile.kind, "part"))
        elif place not in aside:
            wrong.append((hostile.kind, "nothing"))
        else:
            letter, made_ms = aside[place]
            stuck.append(made_ms - at_ms)
            whole = (letter.key, letter.value) == (hostile.key or b"", hostile.value or b"")
            if not whole or letter.reason not in (hostile.reasons or REASONS):
                wrong.append((hostile.kind, letter.reason))
    if len(set(hashes[Fate.SAME])) > 1 or b"" in hashes[Fate.SAME] + hashes[Fate.CLONE]:
        wrong.append(("replayed", "another part"))
    waited = [parts[place][1] - at_ms for place, at_ms in sent.good.items() if place in parts]
    return Outcome(
        sent=len(sent.hostile), letters=len(letters), parts=len(parts), wrong=wrong,
        good_lost=len(sent.good) - len(waited), waited_ms=waited, stuck_ms=stuck, grown_kb=grown,
        seconds=seconds, ended=sum(len(worker.lines("worker_ended")) for worker in workers),
    )  # fmt: skip
