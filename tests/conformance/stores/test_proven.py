"""What the start-up probe finds in every kind of store: some pass, some do not."""

import secrets
from pathlib import Path

import pytest

from overt_schemas.errors import Refused
from overt_sinks.stores.probe import Findings
from overt_sinks.stores.proving import proven
from overt_sinks.stores.store import AlreadyExists, Keys, Site, open_store
from tests.stores import azurite
from tests.stores.careless import careless
from tests.stores.places import KEPT, PROBER, Place

PASSED = Findings(versioning="off", second_identity=True, lost_answer=True)
SERVERS = pytest.mark.parametrize("place", ["seaweed", "versitygw"], indirect=True)


def _proven(place: Place, bucket: str = "hot") -> Findings:
    return proven(place.url, bucket, place.keys, place.second, place.site)[1]


@pytest.mark.parametrize("place", ["seaweed", "versitygw", "azurite"], indirect=True)
def test_a_server_passes_with_two_identities(place: Place) -> None:
    assert _proven(place) == PASSED


@SERVERS
def test_the_probe_says_that_versions_are_kept(place: Place) -> None:
    # Of the gateway's two buckets only one keeps them; who may put may not always ask for that.
    second = place.keys if place.kind == "seaweed" else place.second

    assert proven(place.url, KEPT, place.keys, second, place.site)[1].versioning == "on"


def test_a_folder_passes(tmp_path: Path) -> None:
    found = proven(f"file://{tmp_path}", "hot", None, None, Site())[1]

    assert found == Findings(versioning="off", second_identity=False, lost_answer=False)


@pytest.mark.parametrize("place", ["azurite"], indirect=True)
@pytest.mark.parametrize("rights", ["rcl", "rwl"])
def test_azure_passes_under_a_signature_that_may_create_or_write(place: Place, rights: str) -> None:
    keys = Keys(access="", secret=azurite.signature(rights))

    assert proven(place.url, "hot", keys, place.second, place.site)[1] == PASSED


@pytest.mark.parametrize("place", ["azurite"], indirect=True)
def test_under_a_signature_that_may_only_create_azure_itself_overwrites_nothing(
    place: Place,
) -> None:
    name, sink = f"x/{secrets.token_hex(8)}", Keys(access="", secret=azurite.signature("rcl"))
    store = open_store(place.url, "hot", sink, place.site)
    store.create(name, b"first")

    with pytest.raises(Refused):
        store.replace(name, b"second", store.head(name).etag)
    with pytest.raises(AlreadyExists):
        store.create(name, b"second")

    assert store.read(name) == b"first"


@pytest.mark.parametrize("place", ["fake-gcs"], indirect=True)
def test_the_emulator_of_gcs_is_refused_for_answering_strangers(place: Place) -> None:
    with pytest.raises(Refused) as refused:
        _proven(place)

    assert refused.value.reason == "anonymous"


@pytest.mark.parametrize("place", ["versitygw"], indirect=True)
def test_an_identity_that_may_not_put_is_no_sinks(place: Place) -> None:
    with pytest.raises(Refused) as refused:
        proven(place.url, "hot", PROBER, place.keys, place.site)

    assert refused.value.reason == "read"


@SERVERS
def test_an_identity_that_is_none_is_refused(place: Place) -> None:
    nobody = Keys(access="NOBODYNOBODY", secret="nothing")

    with pytest.raises(Refused):
        proven(place.url, "hot", nobody, place.second, place.site)


@pytest.mark.parametrize(
    ("ignores", "item"),
    [("condition", "create_only"), ("checksum", "wrong_checksum")],
)
def test_a_server_that_says_yes_without_looking_is_refused(ignores: str, item: str) -> None:
    one, two = Keys(access="ONE", secret="1"), Keys(access="TWO", secret="2")

    with careless(frozenset({ignores})) as url, pytest.raises(Refused) as refused:
        proven(url, "hot", one, two, Site())

    assert refused.value.reason == item


def test_the_same_server_passes_when_it_looks() -> None:
    one, two = Keys(access="ONE", secret="1"), Keys(access="TWO", secret="2")

    with careless(frozenset()) as url:
        assert proven(url, "hot", one, two, Site())[1] == PASSED
