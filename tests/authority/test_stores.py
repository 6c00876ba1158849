"""The authority reads from every kind of store that sinks write to, and says so when it cannot."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from overt_authority.grants import stores
from overt_authority.grants.index import Run
from overt_authority.grants.objects import Objects
from overt_authority.settings import Store
from overt_schemas.errors import Permanent, Transient
from tests.authority import kit
from tests.authority.loose_store import Loose, serving
from tests.stores import azurite, fake_gcs

pytestmark = pytest.mark.timeout(120)
TIERS = ("hot", "warm", "cold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A store's settings, and how a test puts an object there."""

    settings: Store
    put: Callable[[str, str, bytes], object]


@contextmanager
def folder(where: Path) -> Iterator[Kept]:
    def put(tier: str, name: str, data: bytes) -> None:
        path = where / "objects" / tier / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    yield Kept(settings=Store(url=f"file://{where}/objects"), put=put)


@contextmanager
def azure(where: Path) -> Iterator[Kept]:
    secret = kit.secret(where / "azure.key", azurite.KEY)
    with azurite.azurite(where / "azurite") as site:
        for tier in TIERS:
            azurite.make_container(site, tier)
        settings = Store(
            url="az://", account=azurite.ACCOUNT, endpoint=site.endpoint, credentials_file=secret
        )
        opened = stores.tiers(settings)
        yield Kept(settings=settings, put=lambda t, name, data: obstore.put(opened[t], name, data))


@contextmanager
def gcs(where: Path) -> Iterator[Kept]:
    secret = kit.secret(where / "gcs.json", fake_gcs.service_account().secret)
    with fake_gcs.fake_gcs(where / "gcs") as (url, site):
        for tier in TIERS:
            fake_gcs.make_bucket(url, tier)
        settings = Store(url="gs://", endpoint=site.endpoint, credentials_file=secret)
        opened = stores.tiers(settings)
        yield Kept(
            settings=settings,
            put=lambda t, name, data: obstore.put(opened[t], name, data, use_multipart=False),
        )


@pytest.fixture(scope="module", params=[folder, azure, gcs], ids=["folder", "azure", "gcs"])
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept]:
    with request.param(tmp_path_factory.mktemp("store")) as made:
        yield made


def run(tier: str, name: str, at: int, size: int) -> Run:
    return Run(
        run=f"{name}-{at}", object=name, byte_from=at, byte_len=size, records=1, kind="part",
        person="p", device="", boot="", activity=0, stream=0, segment=0, first_batch=0,
        last_batch=0, seen=1, tier=tier,
    )  # fmt: skip


def streamed(objects: Objects, *runs: Run) -> bytes:
    async def whole() -> bytes:
        return b"".join([piece async for piece in objects.stream(runs)])

    return asyncio.run(whole())


def test_runs_of_all_tiers_come_in_one_answer_and_in_the_order_asked(kept: Kept) -> None:
    for tier in TIERS:
        kept.put(tier, "person=p/day=d/1.avro", tier.encode() + bytes(range(200)))
    objects = Objects(stores.tiers(kept.settings))
    runs = [run(tier, "person=p/day=d/1.avro", 0, len(tier)) for tier in TIERS]
    more = [run("hot", "person=p/day=d/1.avro", at, 2) for at in (103, 3)]

    assert streamed(objects, *runs, *more) == b"hotwarmcold" + bytes([100, 101, 0, 1])


def test_what_is_not_there_is_asked_for_again_and_is_no_end(kept: Kept) -> None:
    kept.put("hot", "a", b"content")
    objects = Objects(stores.tiers(kept.settings))
    here = run("hot", "a", 0, 7)

    assert streamed(objects, here) == b"content"
    for gone in (run("cold", "a", 0, 7), run("hot", "b", 0, 7), run("hot", "a", 0, 8),
                 replace(here, tier="frozen")):  # fmt: skip
        with pytest.raises(Transient):
            streamed(objects, here, gone)


def test_only_s3_offers_ranges(kept: Kept) -> None:
    assert stores.signer(kept.settings) is None


@pytest.mark.parametrize(
    ("changes", "offers"),
    [
        ({"url": "https://store.example"}, True),
        ({"url": "s3://", "region": "eu-west-1"}, True),
        ({"url": "http://127.0.0.1:8333"}, True),
        ({"url": "http://store.example"}, False),
        ({"url": "https://store.example", "ranges_url": "http://store.example"}, False),
        ({"url": "http://store.inner", "ranges_url": "https://store.example"}, True),
        ({"url": "https://store.example", "ranges": False}, False),
        ({"url": "s3://", "virtual_hosted": True}, False),
    ],
    ids=[
        "https",
        "aws",
        "loopback",
        "in-the-clear",
        "to-others-in-the-clear",
        "to-others-privately",
        "switched-off",
        "by-host",
    ],
)
def test_ranges_are_signed_for_a_private_way_and_by_path(
    tmp_path: Path, changes: dict[str, object], offers: bool
) -> None:
    keys = {
        "access_key_file": kit.secret(tmp_path / "a", "A"),
        "secret_key_file": kit.secret(tmp_path / "s", "S"),
    }
    settings = Store(**{**keys, **changes})  # type: ignore[arg-type]

    signer = stores.signer(settings)

    assert (signer is not None) == offers
    if signer is not None:
        url = signer.get("warm", "a", 0, 9, 60, 0).url
        host = str(changes.get("ranges_url") or changes["url"])
        known = "https://s3.eu-west-1.amazonaws.com" if host == "s3://" else host
        assert url.startswith(f"{known}/warm/a?")
        assert f"%2F{changes.get('region', 'us-east-1')}%2Fs3%2F" in url


@pytest.mark.parametrize(
    "settings",
    [Store(url="ftp://x"), Store(url="s3://"), Store(url="gs://"), Store(url="az://", account="a"),
     Store(url="az://")],
    ids=["ftp", "s3", "gs", "az", "az-account"],
)  # fmt: skip
def test_a_store_without_what_it_needs_is_a_mistake_in_the_settings(settings: Store) -> None:
    with pytest.raises(Permanent) as caught:
        stores.tiers(settings)

    assert caught.value.reason == "settings"


def test_an_identity_that_is_none_is_not_shown(tmp_path: Path) -> None:
    secret = kit.secret(tmp_path / "gcs.json", '{"private_key": "very-secret"}')

    with pytest.raises(Permanent) as caught:
        stores.tiers(Store(url="gs://", credentials_file=secret))

    assert "very-secret" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_the_environment_does_not_say_where_a_store_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")
    settings = Store(
        url="http://127.0.0.1:8333", access_key_file=kit.secret(tmp_path / "a", "A"),
        secret_key_file=kit.secret(tmp_path / "s", "S"),
    )  # fmt: skip

    opened = stores.tiers(settings)["hot"]

    assert isinstance(opened, S3Store)
    signed = obstore.sign(opened, "GET", "x", timedelta(minutes=1))
    assert signed.startswith("http://127.0.0.1:8333/hot/x?")
    assert "of-somebody-else" not in signed


def test_a_folder_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        stores.tiers(Store(url=f"file://{tmp_path}/objects"))
    finally:
        os.umask(before)

    # A sink refuses a bucket that others may enter.
    assert (tmp_path / "objects" / "hot").stat().st_mode & 0o777 == 0o700


def test_no_proxy_of_the_environment_is_shown_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Loose(objects={})) as proxy, serving(Loose(objects={}, status=403)) as store:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        settings = Store(
            url=store.url, access_key_file=kit.secret(tmp_path / "a", "A"),
            secret_key_file=kit.secret(tmp_path / "s", "S"),
        )  # fmt: skip
        with pytest.raises(Transient):
            Objects(stores.tiers(settings)).beginning("hot", "x", 0, 1)

        assert (proxy.asked, store.asked) == (0, 1)
