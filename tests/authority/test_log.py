"""The log: on the disk before anybody is answered, whole after a crash, never shorter."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_authority.log import head
from overt_authority.log.append import AuditLog, Draft
from overt_authority.log.merkle import Frontier, leaf_hash
from overt_schemas import codec
from overt_schemas.errors import Transient, Untrusted
from overt_schemas.records import AuditEntry
from overt_schemas.signing import SigningKey
from overt_schemas.testing import FakeClock


def draft(number: int) -> Draft:
    return Draft(kind="release", actor="sub-1", grant="g-1", detail=f"info={number}")


def opened(path: Path, flush: "Disk | None" = None) -> AuditLog:
    log = AuditLog(path, FakeClock(), *([flush] if flush else []))
    log.open()
    return log


class Disk:
    """A flush that fails when told."""

    def __init__(self) -> None:
        self.is_full, self.flushes = False, 0

    def __call__(self, _descriptor: int) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "full")
        self.flushes += 1


def test_entries_are_numbered_and_come_back(tmp_path: Path) -> None:
    log = opened(tmp_path / "audit.log")

    said = (*log.append([draft(0), draft(1)]), *log.append([draft(2)]))

    assert [entry.number for entry in said] == [0, 1, 2]
    assert tuple(log.entries(0, 99)) == said
    assert tuple(log.entries(1, 2)) == said[1:2]


def test_a_batch_costs_one_flush(tmp_path: Path) -> None:
    disk = Disk()
    log = opened(tmp_path / "audit.log", disk)

    log.append([draft(n) for n in range(100)])

    assert disk.flushes == 1


def test_the_head_is_the_tree_over_the_packed_entries(tmp_path: Path) -> None:
    log = opened(tmp_path / "audit.log")
    said = log.append([draft(n) for n in range(11)])

    frontier = Frontier()
    for entry in said:
        frontier = frontier.append(leaf_hash(codec.pack(entry)))

    assert log.head() == frontier


def test_what_could_not_be_flushed_is_not_in_the_log(tmp_path: Path) -> None:
    disk = Disk()
    log = opened(tmp_path / "audit.log", disk)
    log.append([draft(0)])

    disk.is_full = True
    with pytest.raises(Transient):
        log.append([draft(1), draft(2)])
    with pytest.raises(Transient):
        log.check()
    disk.is_full = False
    log.append([draft(3)])
    log.check()

    expected = ["info=0", "info=3"]
    assert [entry.detail for entry in log.entries(0, 9)] == expected
    log.close()
    again = opened(tmp_path / "audit.log")
    assert [entry.detail for entry in again.entries(0, 9)] == expected
    assert again.head() == log.head()


def test_a_full_disk_is_an_answer_not_a_crash() -> None:
    log = AuditLog(Path("/dev/full"), FakeClock())
    log._file = os.open("/dev/full", os.O_WRONLY)

    with pytest.raises(Transient):
        log.append([draft(0)])

    log.close()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.data())
def test_a_torn_end_is_cut_and_the_rest_stays(
    tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "audit.log"
    log = opened(path)
    ends = [0]
    for number in range(count):
        log.append([draft(number)])
        ends.append(path.stat().st_size)
    log.close()
    cut = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:cut])

    again = opened(path)
    entries: list[AuditEntry] = again.entries(0, 99)
    (said,) = again.append([draft(99)])

    assert len(entries) == max(n for n, end in enumerate(ends) if end <= cut)
    assert said.number == len(entries)
    again.close()


def test_a_log_that_lost_published_entries_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = opened(path)
    log.append([draft(n) for n in range(4)])
    published, size = log.head(), path.stat().st_size
    log.close()
    path.write_bytes(path.read_bytes()[: size - 3])

    with pytest.raises(Untrusted):
        AuditLog(path, FakeClock()).open(published.size, published.root())

    assert path.stat().st_size == size - 3, "the evidence stays as it is"


def test_a_log_that_was_rewritten_does_not_open(tmp_path: Path) -> None:
    log, other = opened(tmp_path / "audit.log"), opened(tmp_path / "other.log")
    log.append([draft(n) for n in range(4)])
    other.append([draft(n) for n in (0, 1, 7, 3, 4)])
    published = log.head()
    log.close()
    other.close()

    with pytest.raises(Untrusted):
        AuditLog(tmp_path / "other.log", FakeClock()).open(published.size, published.root())
    AuditLog(tmp_path / "audit.log", FakeClock()).open(published.size, published.root())


def test_a_signed_head_verifies_and_a_changed_one_does_not() -> None:
    signer = SigningKey.generate("authority-1")
    said = head.sign(Frontier().append(leaf_hash(b"x")), signer)

    head.check(said, signer.public_bytes())
    forged = head.Head(size=2, root=said.root, signature=said.signature, key_id=said.key_id)
    with pytest.raises(Untrusted):
        head.check(forged, signer.public_bytes())
