"""Every store a sink may be given keeps the same words: memory, a folder, and four servers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from overt_sinks.stores.store import AlreadyExists, Changed, Listed, NotFound, Store
from tests.stores.places import KINDS, Place

pytestmark = pytest.mark.parametrize("place", KINDS, indirect=True)

# A race on one name takes SeaweedFS a second.
ROUNDS, RIVALS, MANY = 3, 8, 1_100


def test_what_was_created_is_read_back(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"content")
    store.create(f"{folder}/empty", b"")

    assert store.read(f"{folder}/a") == b"content"
    assert store.read(f"{folder}/empty") == b""


def test_a_name_is_created_once_and_never_overwritten(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"first")

    with pytest.raises(AlreadyExists):
        store.create(f"{folder}/a", b"second")

    assert store.read(f"{folder}/a") == b"first"


def test_of_many_who_create_a_name_at_once_one_wins(store: Store, folder: str) -> None:
    def create(name: str, rival: int) -> int | None:
        try:
            store.create(name, b"%d" % rival)
        except AlreadyExists:
            return None
        return rival

    with ThreadPoolExecutor(RIVALS) as rivals:
        for round_ in range(ROUNDS):
            name = f"{folder}/{round_}"
            won = [w for w in rivals.map(create, [name] * RIVALS, range(RIVALS)) if w is not None]

            assert len(won) == 1
            assert store.read(name) == b"%d" % won[0]


def test_a_name_that_is_not_there_is_not_found(store: Store, folder: str) -> None:
    with pytest.raises(NotFound):
        store.read(f"{folder}/none")
    with pytest.raises(NotFound):
        store.head(f"{folder}/none")
    with pytest.raises(NotFound):
        store.read_ranges(f"{folder}/none", [0], [1])


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


def test_a_listing_of_more_than_one_page_misses_nothing(store: Store, folder: str) -> None:
    names = [f"{folder}/{n:020}.avro" for n in range(MANY)]
    with ThreadPoolExecutor(RIVALS) as writers:
        list(writers.map(lambda name: store.create(name, b"x"), names))

    assert sorted(item.name for item in store.list(folder)) == names


def test_an_object_of_many_megabytes_is_one_create(store: Store, folder: str) -> None:
    body = bytes(range(256)) * 48_000

    store.create(f"{folder}/large", body)

    assert store.read(f"{folder}/large") == body
    with pytest.raises(AlreadyExists):
        store.create(f"{folder}/large", b"")


def test_an_object_of_a_cheaper_class_is_created_and_read_like_any_other(
    place: Place, store: Store, folder: str
) -> None:
    store.create(f"{folder}/a", b"content", place.storage_class)

    with pytest.raises(AlreadyExists):
        store.create(f"{folder}/a", b"other", place.storage_class)

    assert store.read(f"{folder}/a") == b"content"


def test_a_tag_is_another_whenever_the_content_is(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"content")
    before = store.head(f"{folder}/a")

    store.replace(f"{folder}/a", b"CONTENT", before.etag)

    after = store.head(f"{folder}/a")
    assert (before.size, after.size) == (7, 7)
    assert before.etag
    assert before.etag != after.etag
    assert store.read(f"{folder}/a") == b"CONTENT"


def test_only_what_was_seen_is_replaced(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"first")
    seen = store.head(f"{folder}/a").etag
    store.replace(f"{folder}/a", b"second", seen)

    with pytest.raises(Changed):
        store.replace(f"{folder}/a", b"third", seen)

    assert store.read(f"{folder}/a") == b"second"


def test_what_is_gone_is_not_replaced(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"first")
    seen = store.head(f"{folder}/a").etag
    store.delete(f"{folder}/a")

    with pytest.raises(Changed):
        store.replace(f"{folder}/a", b"second", seen)

    assert list(store.list(folder)) == []


def test_what_is_deleted_is_gone_however_often(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"first")
    store.create(f"{folder}/b", b"stays")

    store.delete(f"{folder}/a")
    store.delete(f"{folder}/a")

    assert [item.name for item in store.list(folder)] == [f"{folder}/b"]
    with pytest.raises(NotFound):
        store.read(f"{folder}/a")


def test_nothing_is_hidden_in_a_bucket_without_versions(store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"first")
    store.replace(f"{folder}/a", b"second", store.head(f"{folder}/a").etag)
    store.delete(f"{folder}/a")

    assert list(store.versions(folder)) == []
    assert list(store.uploads(folder)) == []
    assert store.purge(f"{folder}/a") == 0


@pytest.mark.parametrize("name", ["person=p-01/day=2026-11-25/class=input/ab.avro", "ä b+c%2F&"])
def test_names_are_taken_as_they_are(store: Store, folder: str, name: str) -> None:
    store.create(f"{folder}/{name}", b"content")

    assert store.read(f"{folder}/{name}") == b"content"
    assert [item.name for item in store.list(folder)] == [f"{folder}/{name}"]
