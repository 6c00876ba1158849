"""The topic of dead letters, read without a group; and the way back. SHELL.

Reading takes no part in anything: partitions are assigned, nothing is committed, and whoever may
read the topic can look.

A redrive writes twice: some hundred records, as they came, then their verdicts. A crash between the
two leaves letters undecided, and the next redrive writes their records once more: harmless, since
refine gives the same batch of the same bytes, and index and readers keep the set of batches. So a
verdict is never ahead of what it says.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from overt_ops.dlq.letters import DISCARDED, REDRIVEN, Book, Entry, Place
from overt_ops.pipeline.doors import Door
from overt_ops.topology.patience import patiently, translated
from overt_schemas import client, codec
from overt_schemas.errors import Malformed, OvertError, Permanent, Transient
from overt_schemas.records import DeadLetter, Verdict
from overt_schemas.topics import CATALOGUE, DEADLETTER, FRAME, INPUT, PART

# A letter names where it came from; it goes nowhere else, whatever it says.
SOURCES = frozenset({INPUT, FRAME, PART})
_LARGEST = 1_114_112  # librdkafka refuses by its own limit; here the broker's shall count
_WINDOW, _WINDOW_BYTES = 200, 8 * 2**20
_TIMEOUT_S = 20.0
_QUIET_S = 15.0  # without a record and short of the end: the brokers are away
Written = tuple[str, int, bytes, bytes]  # topic, partition, key, value
_RECORDS: tuple[type[DeadLetter | Verdict], ...] = (DeadLetter, Verdict)
_PARTITIONS = range(CATALOGUE[DEADLETTER].partitions)
_REFUSALS = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
# No group takes part, but librdkafka looks for its coordinator all the same.
_NO_MATTER = (KafkaError._PARTITION_EOF, KafkaError.GROUP_AUTHORIZATION_FAILED)


class Letters:
    """Reads overt.deadletter.v1. A context manager."""

    def __init__(self, door: Door) -> None:
        config = client.registry_reader(door.connection, "dlq")
        self._consumer = Consumer({**config, "fetch.wait.max.ms": 100})

    def __enter__(self) -> "Letters":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def book(self, told: Callable[[int, int], object] | None = None) -> Book:
        """Return all letters and the verdicts on them: a verdict counts for copies of any age.

        ``told`` hears how many records of how many were read.

        Raises:
            Permanent: the brokers refuse.
            Transient: they do not answer.
        """
        book = Book()
        bounds = self._bounds()
        starts = {p: low for p, (low, _) in bounds.items()}
        wanted = {p: high for p, (low, high) in bounds.items() if low < high}
        total = sum(end - starts[p] for p, end in wanted.items())
        read = self._read({p: starts[p] for p in wanted}, wanted)
        for count, message in enumerate(read, 1):
            if told is not None:
                told(count, total)
            with contextlib.suppress(Malformed):  # nothing of ours; retention takes it
                record: DeadLetter | Verdict
                record = codec.decode(message.value() or b"", *_RECORDS)
                place = Place(partition=message.partition(), offset=message.offset())
                book.take(place, message.timestamp()[1], record)
        return book

    def whole(self, places: Iterable[Place]) -> dict[Place, DeadLetter]:
        """Return these letters with their bytes, in one pass over what lies between them.

        Raises:
            Permanent: there is none at one of the places.
        """
        wanted = set(places)
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for place in sorted(wanted):
            starts.setdefault(place.partition, place.offset)
            ends[place.partition] = place.offset + 1
        found: dict[Place, DeadLetter] = {}
        for message in self._read(starts, ends):
            place = Place(partition=message.partition(), offset=message.offset())
            # Outside the log's range librdkafka begins at its start.
            if place in wanted:
                with contextlib.suppress(Malformed):
                    found[place] = codec.decode(message.value() or b"", DeadLetter)
        for place in sorted(wanted - set(found)):
            raise _nothing_at(place)
        return found

    def _read(self, starts: dict[int, int], ends: dict[int, int]) -> Iterator[Any]:
        """Yield the records from ``starts`` up to before ``ends``."""
        if any(p not in _PARTITIONS for p in starts):
            raise _nothing_at(Place(partition=next(iter(starts)), offset=0))
        self._consumer.assign([TopicPartition(DEADLETTER, p, at) for p, at in starts.items()])
        open_ends = dict(ends)
        # `consume` waits until it has as many, or for so long.
        many = min(500, sum(end - starts[p] for p, end in ends.items()))
        heard_s = time.monotonic()
        while open_ends:
            messages = self._consumer.consume(many, 0.2)
            if messages:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > _QUIET_S:
                raise Transient("the brokers do not answer: try again", reason="brokers_down")
            for message in messages:
                partition, error = message.partition(), message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        open_ends.pop(partition, None)
                    elif error.code() not in _NO_MATTER and not error.retriable():
                        raise translated(KafkaException(error))
                    continue
                end = open_ends.get(partition)
                if end is None:
                    continue
                if message.offset() >= end - 1:
                    del open_ends[partition]
                yield message

    def _bounds(self) -> dict[int, tuple[int, int]]:
        """Return where each partition begins and ends now."""
        return {
            p: patiently(
                lambda p=p: self._consumer.get_watermark_offsets(  # type: ignore[misc]
                    TopicPartition(DEADLETTER, p), timeout=_TIMEOUT_S
                )
            )
            for p in _PARTITIONS
        }


def _nothing_at(place: Place) -> Permanent:
    return Permanent(
        f"no dead letter at {place}: `stream-ops dlq list` shows those there are", reason="place"
    )


@dataclass(slots=True)
class Way:
    """The way back: writes as the principal that may."""

    door: Door
    now_ms: Callable[[], int]
    _producer: Producer | None = None
    _failed: list[KafkaError] = field(default_factory=list)

    def redrive(self, letters: Letters, entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
        """Write each letter's record to where it came from; yields each with where it stands now.

        Raises:
            Permanent, Transient: the brokers refuse, or are away; what was yielded is done.
        """
        for window in _windows(entries):
            found = letters.whole(entry.place for entry in window)
            records = [found[entry.place] for entry in window]
            offsets = self._write([(r.topic, r.partition, r.key, r.value) for r in records])
            told = list(zip(window, (r.topic for r in records), offsets, strict=True))
            self._decide(REDRIVEN, told)
            for entry, topic, at in told:
                yield entry, f"{topic} {entry.partition}:{at}"

    def discard(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
        """Write that each letter is not to come back; its bytes go by retention."""
        for window in _windows(entries):
            self._decide(DISCARDED, [(entry, "", -1) for entry in window])
            for entry in window:
                yield entry, ""

    def _refused(self) -> bool:
        """Whether the producer was refused altogether: one that may write nowhere gets no id."""
        return any(
            error.code() in _REFUSALS or "authoriz" in error.str().lower() for error in self._failed
        )

    def _decide(self, verdict: str, told: Iterable[tuple[Entry, str, int]]) -> None:
        """Write verdicts beside their letters, where whoever reads that partition meets them."""
        records = []
        for entry, topic, to_offset in told:
            record = Verdict(
                partition=entry.place.partition, offset=entry.place.offset, verdict=verdict,
                actor=self.door.username, at_ms=self.now_ms(), topic=topic, to_offset=to_offset,
            )  # fmt: skip
            place, source = entry.place.partition, entry.topic.encode()
            records.append((DEADLETTER, place, source, codec.encode(record)))
        self._write(records)

    def _write(self, records: Sequence[Written]) -> list[int]:
        """Return the offsets that records got, once all replicas have all of them."""
        offsets: dict[int, int] = {}
        errors: list[KafkaError] = []

        def delivered(number: int, error: KafkaError | None, message: Any) -> None:
            if error is not None:
                errors.append(error)
            else:
                offsets[number] = message.offset()

        try:
            producer = self._producer = self._producer or self._open()
            for number, (topic, partition, key, value) in enumerate(records):
                told = partial(delivered, number)
                producer.produce(topic, value, key, partition=partition, on_delivery=told)
            deadline_s = time.monotonic() + _TIMEOUT_S + 5
            while len(offsets) + len(errors) < len(records) and not self._refused():
                if time.monotonic() > deadline_s:
                    raise Transient("the brokers do not answer: try again", reason="brokers_down")
                producer.poll(0.1)
        except KafkaException as exc:
            raise _of(exc) from exc
        if self._refused():
            raise _not_authorised()
        if errors:
            raise _of(KafkaException(errors[0]))
        return [offsets[number] for number in range(len(records))]

    def _open(self) -> Producer:
        config = client.producer(self.door.connection)
        own = {"message.max.bytes": _LARGEST, "message.timeout.ms": int(_TIMEOUT_S * 1000)}
        return Producer({**config, **own, "error_cb": self._failed.append})


def _windows(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield letters by place, so many at a time as fit the memory of a small machine."""
    window: list[Entry] = []
    for entry in sorted(entries, key=lambda e: e.place):
        if window and (
            len(window) >= _WINDOW or sum(e.size for e in window) + entry.size > _WINDOW_BYTES
        ):
            yield window
            window = []
        window.append(entry)
    if window:
        yield window


def _of(exc: KafkaException) -> OvertError:
    return _not_authorised() if exc.args[0].code() in _REFUSALS else translated(exc)


def _not_authorised() -> Permanent:
    return Permanent(
        "this user may not write there: come in as `redrive`, and apply the topology",
        reason="not_authorised",
    )
