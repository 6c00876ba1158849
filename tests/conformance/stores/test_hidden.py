"""What a listing does not show is found and removed: old versions, markers, half-done uploads."""

import pytest
from botocore.exceptions import ClientError

from overt_sinks.stores.store import Store
from tests.stores.places import KEPT, Place

pytestmark = pytest.mark.parametrize("place", ["seaweed", "versitygw"], indirect=True)
# Long and odd enough to stand nowhere by accident, compressed or not.
CANARY = b"canary-of-the-hidden-7f3b9d2c"


@pytest.fixture
def kept(place: Place) -> Store:
    """A bucket that keeps versions."""
    return place.bucket(KEPT)


def _write_twice_and_delete(store: Store, name: str) -> None:
    store.create(name, CANARY)
    store.replace(name, b"second", store.head(name).etag)
    store.delete(name)


def test_what_was_overwritten_or_deleted_is_found(kept: Store, folder: str) -> None:
    _write_twice_and_delete(kept, f"{folder}/a")

    hidden = list(kept.versions(folder))

    assert list(kept.list(folder)) == []
    assert {item.name for item in hidden} == {f"{folder}/a"}
    assert sorted((item.is_marker, item.size) for item in hidden) == [
        (False, 6), (False, len(CANARY)), (True, 0)
    ]  # fmt: skip


def test_what_stands_is_not_hidden_and_is_not_purged(kept: Store, folder: str) -> None:
    kept.create(f"{folder}/a", b"first")
    kept.replace(f"{folder}/a", b"second", kept.head(f"{folder}/a").etag)

    purged = kept.purge(f"{folder}/a")

    assert purged == 1
    assert kept.read(f"{folder}/a") == b"second"
    assert list(kept.versions(folder)) == []


def test_a_purge_leaves_nothing_and_brings_nothing_back(
    place: Place, kept: Store, folder: str
) -> None:
    _write_twice_and_delete(kept, f"{folder}/a")
    first = next(item for item in kept.versions(folder) if item.size == len(CANARY))

    assert kept.purge(f"{folder}/a") == 3

    assert list(kept.list(folder)) == []
    assert list(kept.versions(folder)) == []
    assert kept.purge(f"{folder}/a") == 0
    with pytest.raises(ClientError):
        place.s3().get_object(Bucket=KEPT, Key=first.name, VersionId=first.id)


def test_a_purge_touches_no_longer_name(kept: Store, folder: str) -> None:
    _write_twice_and_delete(kept, f"{folder}/a")
    _write_twice_and_delete(kept, f"{folder}/ab")

    kept.purge(f"{folder}/a")

    assert {item.name for item in kept.versions(folder)} == {f"{folder}/ab"}


def test_a_half_done_upload_is_found_and_dropped_with_its_bytes(
    place: Place, store: Store, folder: str
) -> None:
    s3, name = place.s3(), f"{folder}/large"
    begun = s3.create_multipart_upload(Bucket="hot", Key=name)["UploadId"]
    s3.upload_part(Bucket="hot", Key=name, UploadId=begun, PartNumber=1, Body=CANARY)
    assert list(store.list(folder)) == []

    found = list(store.uploads(folder))
    for upload in (*found, *found):
        store.abort(upload)

    assert [(upload.name, upload.id) for upload in found] == [(name, begun)]
    assert list(store.uploads(folder)) == []
    with pytest.raises(ClientError) as gone:
        s3.list_parts(Bucket="hot", Key=name, UploadId=begun)
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
