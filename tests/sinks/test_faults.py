"""A real store behind a bad line: each record still stands in exactly one object."""

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from overt_ops.devstack import Running
from overt_ops.devstack.handouts import Handouts
from overt_ops.devstack.tuning import Tuning
from overt_schemas.clock import SystemClock
from overt_schemas.errors import Malformed
from overt_sinks import container, rolling, settings
from overt_sinks.naming import Partition
from overt_sinks.settings import Settings
from overt_sinks.stores import backends
from overt_sinks.stores.store import Store, open_store
from overt_sinks.testing import KeptLetters, MemoryIndex
from overt_sinks.writer import Job, Outcome, Tenure, Writer
from tests.sinks.faulty import Faults, before
from tests.sinks.made import WHERE, Segments, taken

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
DEVICE = Segments()
LOG = [taken(n, DEVICE.part(size=40)) for n in range(60)]


@pytest.fixture
def sink(stack: Running) -> Settings:
    Handouts(layout=stack.layout, ports=stack.ports, tuning=Tuning()).write_sink()
    return settings.load(stack.settings("sink"))


@pytest.fixture
def where() -> Partition:
    """A partition that no other test has objects of."""
    return replace(WHERE, topic=f"faults.{secrets.token_hex(8)}")


@contextmanager
def _behind(sink: Settings, faults: Faults) -> Iterator[Store]:
    with before(sink.store.url, faults) as url:
        yield open_store(url, sink.store.hot, settings.store_keys(sink.store))


def _write(bucket: Store, index: MemoryIndex, where: Partition, first: int, last: int) -> Outcome:
    writer = Writer(bucket, index, KeptLetters(), SystemClock(), spread=lambda: 0.0)
    write = rolling.Write(
        partition=where.number, first=first, last=last, records=tuple(LOG[first : last + 1])
    )
    return writer.run(Job(partition=where, write=write, tenure=Tenure()))


def _stored(sink: Settings, where: Partition) -> list[int]:
    bucket = open_store(sink.store.url, sink.store.hot, settings.store_keys(sink.store))
    names = sorted(item.name for item in bucket.list(where.prefix))
    return [part.offset for name in names for part in container.read(bucket.read(name))[1]]


@pytest.mark.parametrize(
    ("put", "get"),
    [
        (["503", "503", "503"], []),
        (["409", "409"], []),
        (["lost"], []),
        (["lost", "lost"], ["lost", "503"]),
        (["lost"], ["cut", "cut", "cut"]),
    ],
    ids=["503", "409", "answer lost", "all answers lost", "read back cut off"],
)
def test_a_bad_line_costs_tries_and_no_record(
    sink: Settings, where: Partition, put: list[str], get: list[str]
) -> None:
    index, faults = MemoryIndex(), Faults(put=list(put), get=list(get))

    with _behind(sink, faults) as bucket:
        outcome = _write(bucket, index, where, 0, 9)

    assert outcome.error is None
    assert _stored(sink, where) == list(range(10))
    assert [o.last for o in index.rows.values()] == [9]
    assert set(put + get) <= set(faults.met)


def test_an_answer_that_comes_too_late_is_read_back(
    sink: Settings, where: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_TIMEOUT", timedelta(seconds=1))
    index, faults = MemoryIndex(), Faults(put=["slow"])

    with _behind(sink, faults) as bucket:
        outcome = _write(bucket, index, where, 0, 9)

    assert outcome.error is None
    assert _stored(sink, where) == list(range(10))


def test_an_object_that_reads_back_wrong_is_not_adopted(sink: Settings, where: Partition) -> None:
    index, faults = MemoryIndex(), Faults(put=["lost"], get=["wrong"])

    with _behind(sink, faults) as bucket:
        outcome = _write(bucket, index, where, 0, 9)

    assert isinstance(outcome.error, Malformed)
    assert index.rows == {}


def test_over_a_random_line_every_record_stands_once(sink: Settings, where: Partition) -> None:
    chance, index = random.Random(5), MemoryIndex()  # noqa: S311 - a test's dice
    words = ["ok", "ok", "503", "409", "lost", "cut"]
    faults = Faults(put=chance.choices(words, k=60), get=chance.choices(words, k=60))

    with _behind(sink, faults) as bucket:
        at = 0
        while at < len(LOG):
            outcome = _write(bucket, index, where, at, min(at + chance.randint(0, 9), 59))
            assert outcome.done is not None
            at = outcome.done.next

    assert _stored(sink, where) == list(range(60))
