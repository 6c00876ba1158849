"""Who may not is told so, whatever was asked; who may is the eraser."""

from collections.abc import Callable

import pytest

from overt_schemas.errors import Refused
from overt_sinks.stores.store import Archived, Keys, NotFound, Store, open_store
from tests.stores import azurite
from tests.stores.places import KEPT, Place

SERVERS = pytest.mark.parametrize("place", ["seaweed", "versitygw"], indirect=True)
ASKED: dict[str, Callable[[Store], object]] = {
    "create": lambda store: store.create("topic=test/x", b""),
    "read": lambda store: store.read("topic=test/x"),
    "head": lambda store: store.head("topic=test/x"),
    "list": lambda store: list(store.list("topic=test")),
    "replace": lambda store: store.replace("topic=test/x", b"", '"tag"'),
    "delete": lambda store: store.delete("topic=test/x"),
    "versions": lambda store: list(store.versions("topic=test")),
    "purge": lambda store: store.purge("topic=test/x"),
    "uploads": lambda store: list(store.uploads()),
}


@SERVERS
@pytest.mark.parametrize("asked", ASKED)
def test_an_identity_without_rights_is_refused_everything(place: Place, asked: str) -> None:
    stranger = open_store(place.url, "warm", place.second, place.site)

    with pytest.raises(Refused):
        ASKED[asked](stranger)


@pytest.mark.parametrize("place", ["seaweed"], indirect=True)
@pytest.mark.parametrize("asked", ["delete", "versions", "purge", "uploads"])
def test_a_sink_sees_and_removes_nothing_but_what_is_listed(place: Place, asked: str) -> None:
    sink = open_store(place.url, "hot", place.sink, place.site)

    with pytest.raises(Refused):
        ASKED[asked](sink)


@pytest.mark.parametrize("place", ["seaweed"], indirect=True)
@pytest.mark.parametrize("tier", ["hot", "warm", "cold"])
def test_the_eraser_may_do_in_every_tier_what_erasing_needs(
    place: Place, tier: str, folder: str
) -> None:
    eraser = open_store(place.url, tier, place.eraser, place.site)
    eraser.create(f"{folder}/a", b"first")

    eraser.replace(f"{folder}/a", b"blank", eraser.head(f"{folder}/a").etag)
    eraser.delete(f"{folder}/a")

    assert eraser.purge(f"{folder}/a") == 0
    assert list(eraser.versions(folder)) == []
    assert list(eraser.uploads()) == []


@SERVERS
def test_a_bucket_that_is_not_there_is_not_found(place: Place) -> None:
    nowhere = place.bucket("no-such-bucket")

    with pytest.raises(NotFound):
        nowhere.create("x", b"")
    with pytest.raises(NotFound):
        list(nowhere.list("x"))


@pytest.mark.parametrize("place", ["azurite"], indirect=True)
def test_what_is_archived_says_so(place: Place, store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"cold", "Archive")

    with pytest.raises(Archived):
        store.read(f"{folder}/a")

    assert store.head(f"{folder}/a").size == 4


@pytest.mark.parametrize("place", ["azurite"], indirect=True)
def test_a_signature_that_may_only_create_reads_and_lists_nothing(place: Place) -> None:
    blind = open_store(place.url, KEPT, Keys(access="", secret=azurite.signature("c")), place.site)

    for asked in ("read", "list"):
        with pytest.raises(Refused):
            ASKED[asked](blind)
