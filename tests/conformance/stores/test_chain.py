"""The chain on every store: whoever comes second adopts what stands, in the middle of anything."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_schemas.clock import SystemClock
from overt_schemas.errors import Transient
from overt_sinks import container, settings
from overt_sinks.app import checked_store
from overt_sinks.chain import Done
from overt_sinks.naming import Partition
from overt_sinks.rolling import Write
from overt_sinks.stores.store import Store
from overt_sinks.taken import Taken
from overt_sinks.testing import KeptLetters, MemoryIndex
from overt_sinks.writer import Job, Tenure, Writer
from tests.sinks.made import Segments, taken
from tests.sinks.test_settings import GOOD, write
from tests.stores import azurite
from tests.stores.places import KINDS, Place

EVERY = pytest.mark.parametrize("place", KINDS, indirect=True)


def _records() -> Iterator[Taken]:
    device = Segments()
    for at in range(9):
        yield taken(at, device.tombstone() if at == 5 else device.part(size=99))
        if at == 2:
            device.next_segment()


RECORDS = tuple(_records())


class LosesAnswers(Store):
    """The same bucket, whose every other create gives no answer though it happened."""

    def __init__(self, bucket: Store) -> None:
        super().__init__(bucket.backend)
        self.calls = 0

    def create(self, name: str, data: bytes, storage_class: str = "") -> None:
        super().create(name, data, storage_class)
        self.calls += 1
        if self.calls % 2:
            raise Transient("time-out", reason="store")


@pytest.fixture
def where() -> Partition:
    """A partition of a topic that no other test has."""
    return Partition(topic="overt.part.v1", topic_id=secrets.token_hex(11), number=0)


def _write(bucket: Store, where: Partition, first: int, last: int) -> Done:
    writer = Writer(bucket, MemoryIndex(), KeptLetters(), SystemClock(), spread=lambda: 0.0)
    cut = tuple(record for record in RECORDS if first <= record.offset <= last)
    write_ = Write(partition=where.number, first=first, last=last, records=cut)
    outcome = writer.run(Job(partition=where, write=write_, tenure=Tenure()))
    assert outcome.error is None
    assert outcome.done is not None
    return outcome.done


@EVERY
def test_who_comes_second_adopts_and_goes_on_behind_it(store: Store, where: Partition) -> None:
    ours = _write(store, where, 0, 3)
    theirs = _write(store, where, 0, 8)  # a zombie that would have cut more
    rest = _write(store, where, theirs.next, 8)

    assert (ours.adopted, theirs.adopted, rest.adopted) == (False, True, False)
    assert (theirs.object, theirs.next) == (ours.object, 4)
    parts = [
        part
        for item in sorted(store.list(where.prefix), key=lambda item: item.name)
        for part in container.read(store.read(item.name))[1]
    ]
    assert [(part.offset, container.frame(part)) for part in parts] == [
        (record.offset, record.value) for record in RECORDS
    ]


@EVERY
def test_a_lost_answer_is_found_to_be_our_own_object(store: Store, where: Partition) -> None:
    done = _write(LosesAnswers(store), where, 0, 8)

    assert done.adopted
    assert container.adopt(store.read(done.object.name)) == done.object
    assert len(list(store.list(where.prefix))) == 1


@EVERY
def test_each_run_is_cut_out_of_its_object_by_its_range(store: Store, where: Partition) -> None:
    stored = _write(store, where, 0, 8).object

    cut = store.read_ranges(
        stored.name, [run.byte_from for run in stored.runs], [run.byte_len for run in stored.runs]
    )

    parts = [part for data in cut for part in container.read_run(data)]
    assert len(cut) == 4
    assert [part.offset for part in parts] == list(range(9))


@pytest.mark.parametrize("place", ["azurite"], indirect=True)
def test_settings_of_azure_open_a_store_that_passes(
    place: Place, where: Partition, tmp_path: Path
) -> None:
    for name, rights in (("sink", "rcl"), ("second", "cw")):
        (tmp_path / name).write_text(azurite.signature(rights))
        (tmp_path / name).chmod(0o600)
    store = (
        f'url = "az://"\naccount = "{azurite.ACCOUNT}"\nendpoint = "{place.site.endpoint}"\n'
        f'credentials_file = "{tmp_path}/sink"\nsecond_credentials_file = "{tmp_path}/second"'
    )
    config = settings.load(write(tmp_path, GOOD.replace('url = "file:///objects"', store)))

    bucket = checked_store(config)

    assert not _write(bucket, where, 0, 8).adopted
    assert _write(bucket, where, 0, 3).adopted
