"""The stack's own store, as a sink is told of it: its rights, and what the probe finds."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime

import httpx
import pytest

from overt_ops.devstack import Running
from overt_ops.devstack.handouts import Handouts
from overt_ops.devstack.tuning import Tuning
from overt_schemas.errors import Refused
from overt_sinks import settings
from overt_sinks.app import checked_store
from overt_sinks.settings import Settings
from overt_sinks.stores.doors import S3Doors
from overt_sinks.stores.sigv4 import signed_put
from overt_sinks.stores.store import Keys, NotFound, Store, open_store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture
def sink(stack: Running) -> Settings:
    """The sink's settings as the stack hands them out."""
    Handouts(layout=stack.layout, ports=stack.ports, tuning=Tuning()).write_sink()
    return settings.load(stack.settings("sink"))


def _opened(config: Settings) -> Store:
    return open_store(config.store.url, config.store.hot, settings.store_keys(config.store))


def test_seaweed_passes_the_probe_with_two_identities(sink: Settings) -> None:
    checked_store(sink)

    assert sink.store.second_access_key_file is not None
    assert sink.store.filer_probe_url


def test_seaweed_refuses_an_identity_that_is_none(sink: Settings) -> None:
    store = sink.store
    stranger = open_store(store.url, store.hot, Keys(access="NOBODY", secret="nothing"))

    with pytest.raises(Refused) as refused:
        stranger.create("topic=test/x", b"")

    assert refused.value.reason == "store_refused"


def test_the_sink_cannot_write_to_other_tiers(sink: Settings) -> None:
    store = sink.store
    warm = open_store(store.url, store.warm, settings.store_keys(store))

    with pytest.raises(Refused):
        warm.create("topic=test/x", b"")


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
