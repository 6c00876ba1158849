"""A directory as a store: on the disk when it says so, and nothing left behind unseen."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overt_sinks.stores.store import AlreadyExists, Store, Upload, open_store

NAME = "topic=t/topicid=x/part=0/00000000000000000000.avro"
# Large enough to be killed in the middle of.
_WRITE = f"""
import sys
from overt_sinks.stores.store import open_store
store = open_store(sys.argv[1], "hot", None)
body = bytes(300_000_000)
print("writing", flush=True)
store.create("{NAME}", body)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}", "hot", None)


def _killed_while_writing(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITE, f"file://{folder}"], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        end = time.monotonic() + 20
        while not list(folder.rglob("*#*")) and writer.poll() is None:
            assert time.monotonic() < end
        writer.kill()
    assert not (folder / "hot" / NAME).exists(), "it was written before it was killed"


def test_what_a_killed_writer_left_is_found_and_removed(tmp_path: Path, store: Store) -> None:
    _killed_while_writing(tmp_path)

    found = list(store.uploads())

    assert list(store.list("topic=t")) == []
    assert [(upload.name, upload.id) for upload in found] == [(NAME, "1")]
    assert time.time() * 1000 - found[0].begun_ms < 60_000
    assert list(store.uploads("topic=t/topicid=other")) == []
    for upload in (*found, *found):
        store.abort(upload)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_is_not_in_the_way(tmp_path: Path, store: Store) -> None:
    _killed_while_writing(tmp_path)

    store.create(NAME, b"whole")

    assert store.read(NAME) == b"whole"
    assert [item.name for item in store.list("topic=t")] == [NAME]


def test_an_object_is_on_the_disk_with_its_directories_before_it_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().relative_to(tmp_path).as_posix())
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    way = [f"hot/{NAME}", "hot/topic=t/topicid=x/part=0", "hot/topic=t/topicid=x", "hot/topic=t",
           "hot"]  # fmt: skip

    store.create(NAME, b"first")
    assert synced == way
    # Another worker may have created it and died before that.
    with pytest.raises(AlreadyExists):
        store.create(NAME, b"second")
    assert synced == [*way, *way]
    store.replace(NAME, b"third", store.head(NAME).etag)
    assert synced == [*way, *way, *way]
    store.delete(NAME)
    assert synced == [*way, *way, *way, *way[1:]]


def test_a_name_that_only_looks_like_a_leaving_is_none(tmp_path: Path, store: Store) -> None:
    store.create("a#b/c", b"")
    (tmp_path / "hot" / "plain").write_bytes(b"")

    assert list(store.uploads()) == []
    store.abort(Upload(name="a", id="1", begun_ms=0))
