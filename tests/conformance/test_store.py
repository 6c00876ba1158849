"""Every store a sink may be given keeps the same words: memory, a folder, SeaweedFS for real."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from pathlib import Path

import httpx
import obstore.store
import pytest

from overt_ops.devstack import Running
from overt_ops.devstack.handouts import Handouts
from overt_ops.devstack.tuning import Tuning
from overt_schemas.errors import Refused, Transient
from overt_sinks import settings
from overt_sinks.app import checked_store
from overt_sinks.settings import Settings
from overt_sinks.stores import probe
from overt_sinks.stores.doors import FolderDoors, S3Doors
from overt_sinks.stores.sigv4 import signed_put
from overt_sinks.stores.store import AlreadyExists, Keys, Listed, NotFound, Store, open_store


@pytest.fixture
def sink(stack: Running) -> Settings:
    """The sink's settings as the stack hands them out."""
    Handouts(layout=stack.layout, ports=stack.ports, tuning=Tuning()).write_sink()
    return settings.load(stack.settings("sink"))


def _opened(config: Settings) -> Store:
    return open_store(config.store.url, config.store.hot, settings.store_keys(config.store))


@pytest.fixture(
    params=[
        "memory",
        "folder",
        pytest.param("seaweed", marks=[pytest.mark.stack, pytest.mark.timeout(300)]),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    match request.param:
        case "memory":
            return Store(obstore.store.MemoryStore())
        case "folder":
            return open_store(f"file://{tmp_path}", "hot", None)
        case _:
            return _opened(request.getfixturevalue("sink"))


@pytest.fixture
def folder() -> str:
    """A folder that no other test writes to."""
    return f"topic=test/topicid={secrets.token_hex(11)}/part=0"


def test_what_was_created_is_read_back(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"content")

    assert store.read(f"{folder}/a") == b"content"


def test_a_name_is_created_once_and_never_overwritten(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"first")

    with pytest.raises(AlreadyExists):
        store.create(f"{folder}/a", b"second")

    assert store.read(f"{folder}/a") == b"first"


def test_a_name_that_is_not_there_is_not_found(store: Store, folder: str) -> None:
    with pytest.raises(NotFound):
        store.read(f"{folder}/none")


def test_ranges_are_cut_exactly_and_in_the_order_asked(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", bytes(range(200)))

    found = store.read_ranges(f"{folder}/a", [150, 0, 10], [3, 1, 5])

    assert found == [bytes([150, 151, 152]), bytes([0]), bytes([10, 11, 12, 13, 14])]
    assert store.read_ranges(f"{folder}/a", [], []) == []


def test_a_listing_shows_what_was_just_created_and_nothing_of_other_folders(
    store: Store, folder: str
) -> None:
    for name in ("a", "b"):
        store.create(f"{folder}/{name}", b"12345")
    store.create(f"{folder}1/c", b"")

    listed = sorted(store.list(folder), key=lambda item: item.name)

    assert listed == [
        Listed(name=f"{folder}/a", size=5), Listed(name=f"{folder}/b", size=5)
    ]  # fmt: skip


def test_an_object_of_many_megabytes_is_one_create(store: Store, folder: str) -> None:
    body = bytes(range(256)) * 48_000

    store.create(f"{folder}/large", body)

    assert store.read(f"{folder}/large") == body
    with pytest.raises(AlreadyExists):
        store.create(f"{folder}/large", b"")


def test_a_folder_passes_the_probe(tmp_path: Path) -> None:
    bucket = open_store(f"file://{tmp_path}", "hot", None)

    probe.probe(bucket, bucket, FolderDoors(tmp_path / "hot"), "one")


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_seaweed_passes_the_probe_with_two_identities(sink: Settings) -> None:
    checked_store(sink)

    assert sink.store.second_access_key_file is not None
    assert sink.store.filer_probe_url


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_seaweed_refuses_an_identity_that_is_none(sink: Settings) -> None:
    store = sink.store
    stranger = open_store(store.url, store.hot, Keys(access="NOBODY", secret="nothing"))

    with pytest.raises(Refused) as refused:
        stranger.create("topic=test/x", b"")

    assert refused.value.reason == "store_refused"


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_the_sink_cannot_write_to_other_tiers(sink: Settings) -> None:
    store = sink.store
    warm = open_store(store.url, store.warm, settings.store_keys(store))

    with pytest.raises(Refused):
        warm.create("topic=test/x", b"")


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_a_wrong_checksum_is_refused_for_the_checksum_and_a_right_one_is_not(
    sink: Settings,
) -> None:
    store = sink.store
    keys = settings.store_keys(store)
    assert keys is not None
    right = base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    name = f"probe/right-{secrets.token_hex(8)}"
    url = f"{store.url}/{store.hot}/{name}"
    headers = signed_put(
        url, b"body", {"x-amz-checksum-sha256": right}, (keys.access, keys.secret),
        datetime.now(UTC),
    )  # fmt: skip

    answer = httpx.put(url, content=b"body", headers=headers, timeout=10)

    assert answer.status_code == 200
    doors = S3Doors(store.url, store.hot, keys, "")
    assert not doors.takes_wrong_checksum(f"{name}-wrong")
    with pytest.raises(NotFound):
        _opened(sink).read(f"{name}-wrong")


def test_a_store_that_is_away_is_tried_again_later() -> None:
    nobody = open_store("http://127.0.0.1:9", "hot", Keys(access="a", secret="b"))

    with pytest.raises(Transient):
        nobody.create("topic=test/x", b"")


@pytest.mark.parametrize("url", ["s3://bucket", "ftp://host", "http://host"])
def test_a_store_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        open_store(url, "hot", None)
