"""Which server remembers the storage class that an object was created with: docs/stores.md says."""

import httpx
import pytest

from overt_sinks.stores.store import Store
from tests.stores import azurite
from tests.stores.places import Place


@pytest.mark.parametrize(
    ("place", "kept"),
    [("seaweed", "STANDARD_IA"), ("versitygw", "STANDARD")],
    indirect=["place"],
)
def test_an_s3_server_keeps_the_class_or_forgets_it(
    place: Place, kept: str, store: Store, folder: str
) -> None:
    store.create(f"{folder}/a", b"content", place.storage_class)

    head = place.s3().head_object(Bucket="hot", Key=f"{folder}/a")

    assert head.get("StorageClass", "STANDARD") == kept


@pytest.mark.parametrize("place", ["azurite"], indirect=True)
def test_azure_keeps_the_tier(place: Place, store: Store, folder: str) -> None:
    store.create(f"{folder}/a", b"content", place.storage_class)

    url = f"{place.site.endpoint}/hot/{folder}/a?{azurite.signature('r')}"

    assert httpx.head(url).headers["x-ms-access-tier"] == place.storage_class
