"""Which URL opens which store, and what is said when none can be."""

import json
import os
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import AzureStore, S3Store

from overt_schemas.errors import OvertError, Refused, Transient
from overt_sinks.stores.doors import S3Doors
from overt_sinks.stores.proving import proven
from overt_sinks.stores.store import Keys, Site, open_store
from overt_sinks.stores.target import Kind, Target, bucket_url, target
from tests.stores.careless import careless

KEYS = Keys(access="a", secret="b")


@pytest.mark.parametrize(
    ("url", "site", "expected"),
    [
        ("file:///some%20where", Site(), Target(kind=Kind.FOLDER, folder=Path("/some where"))),
        ("http://h:1/", Site(), Target(kind=Kind.S3, endpoint="http://h:1")),
        (
            "s3://",
            Site(region="eu-central-1"),
            Target(kind=Kind.S3, endpoint="https://s3.eu-central-1.amazonaws.com"),
        ),
        ("s3://", Site(endpoint="https://inner/"), Target(kind=Kind.S3, endpoint="https://inner")),
        ("gs://", Site(), Target(kind=Kind.GCS)),
        (
            "az://",
            Site(account="acc"),
            Target(kind=Kind.AZURE, endpoint="https://acc.blob.core.windows.net"),
        ),
    ],
    ids=["folder", "s3 server", "aws", "aws privately", "gcs", "azure"],
)
def test_a_url_names_a_store(url: str, site: Site, expected: Target) -> None:
    assert target(url, site, has_keys=True) == expected


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("s3://bucket", KEYS),
        ("gs://bucket/path", KEYS),
        ("ftp://host", KEYS),
        ("", KEYS),
        ("az://", KEYS),
        ("http://host", None),
        ("s3://", None),
        ("gs://", None),
    ],
)
def test_a_url_that_names_none_or_lacks_something_is_refused(url: str, keys: Keys | None) -> None:
    with pytest.raises(Refused) as refused:
        open_store(url, "hot", keys)

    assert refused.value.reason == "settings"


@pytest.mark.parametrize(
    ("url", "secret"),
    [("gs://", "no json"), ("gs://", json.dumps({"private_key": "none"})), ("az://", "%%%")],
)
def test_an_identity_that_is_none_is_refused_without_repeating_it(url: str, secret: str) -> None:
    with pytest.raises(Refused) as refused:
        open_store(url, "hot", Keys(access="", secret=secret), Site(account="acc"))

    assert refused.value.reason == "settings"
    assert secret not in str(refused.value)


def test_the_bucket_stands_in_the_path_or_in_the_host() -> None:
    assert bucket_url("https://h:1", "hot", virtual_hosted=False) == "https://h:1/hot"
    assert bucket_url("https://h:1", "hot", virtual_hosted=True) == "https://hot.h:1"


@pytest.mark.parametrize(
    ("virtual_hosted", "begins"),
    [
        (False, "https://s3.eu-west-1.amazonaws.com/hot/a/b?"),
        (True, "https://hot.s3.eu-west-1.amazonaws.com/a/b?"),
    ],
)
def test_aws_is_asked_by_path_or_by_host(virtual_hosted: bool, begins: str) -> None:
    site = Site(region="eu-west-1", virtual_hosted=virtual_hosted)
    backend = open_store("s3://", "hot", KEYS, site).backend

    assert isinstance(backend, S3Store)
    url = obstore.sign(backend, "GET", "a/b", timedelta(minutes=1))

    assert url.startswith(begins)
    assert "%2Feu-west-1%2Fs3%2F" in url
    doors = S3Doors("https://s3.eu-west-1.amazonaws.com", "hot", KEYS, site=site)
    assert f"{doors.public('a/b')[0]}?" == begins


def test_a_store_that_is_away_is_tried_again_later() -> None:
    nobody = open_store("http://127.0.0.1:9", "hot", Keys(access="a", secret="b"))

    for call in (
        lambda: nobody.create("topic=test/x", b""),
        lambda: list(nobody.uploads()),
        lambda: nobody.purge("topic=test/x"),
    ):
        with pytest.raises(Transient):
            call()


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT",
        "AWS_SKIP_SIGNATURE",
        "AWS_PROFILE",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
    ],
)
def test_no_variable_of_the_environment_moves_a_store(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    one, two = Keys(access="ONE", secret="1"), Keys(access="TWO", secret="2")
    moves = any(word in name.upper() for word in ("ENDPOINT", "PROXY"))
    monkeypatch.setenv(name, "http://127.0.0.1:1/elsewhere" if moves else "true")

    with careless(frozenset()) as url:
        store, _ = proven(url, "hot", one, two, Site())
        found = list(store.list("probe"))
        with pytest.raises(OvertError):  # it knows no uploads, and it is the one that says so
            list(store.uploads())

    assert found
    assert os.environ[name]


def test_no_variable_of_the_environment_signs_for_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_TOKEN", "of-somebody-else")
    monkeypatch.setenv("AZURE_SKIP_SIGNATURE", "true")
    store = open_store("az://", "hot", Keys(access="", secret="AAAA"), Site(account="acc"))

    assert isinstance(store.backend, AzureStore)
    # With somebody's token it could sign nothing, and with "skip" it would not.
    assert "sig=" in obstore.sign(store.backend, "PUT", "x", timedelta(minutes=1))
