"""`overt-sink sweep`: half-done uploads are gone from all tiers, as the eraser, on real servers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from overt_sinks.commands import every
from overt_sinks.stores.target import Keys
from tests.sinks.test_settings import GOOD, write
from tests.stores.places import BUCKETS, Place

pytestmark = pytest.mark.parametrize("place", ["seaweed", "versitygw"], indirect=True)
NAME = "person=p-01/day=2026-11-25/class=input/half.avro"
HALF = b"half of somebody's day"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def _config(tmp_path: Path, place: Place, keys: Keys | None) -> Path:
    assert keys is not None
    for name, secret in (("access", keys.access), ("secret", keys.secret)):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    store = (
        f'url = "{place.url}"\nwarm = "warm"\ncold = "cold"\n'
        f'access_key_file = "{tmp_path}/access"\nsecret_key_file = "{tmp_path}/secret"'
    )
    return write(tmp_path, GOOD.replace('url = "file:///objects"', store))


def _sweep(config: Path, *options: str) -> Result:
    return CliRunner().invoke(every.app, ["sweep", "--config", str(config), "-o", "json", *options])


@pytest.fixture
def begun(place: Place) -> dict[str, str]:
    """A half-done upload in each tier, with a part that the server has."""
    s3, ids = place.s3(), dict[str, str]()
    for tier in BUCKETS:
        ids[tier] = s3.create_multipart_upload(Bucket=tier, Key=NAME)["UploadId"]
        s3.upload_part(Bucket=tier, Key=NAME, UploadId=ids[tier], PartNumber=1, Body=HALF)
    return ids


def test_half_done_uploads_are_gone_from_every_tier(
    place: Place, begun: dict[str, str], tmp_path: Path
) -> None:
    place.bucket().create(f"{tmp_path.name}/whole", b"stays")

    done = _sweep(_config(tmp_path, place, place.eraser), "--age-h", "0", "--progress")

    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {tier: {"aborted": 1, "younger": 0} for tier in BUCKETS}
    assert json.loads(done.stderr.splitlines()[-1]) == {
        "done": 3, "total": 3, "unit": "uploads", "what": "sweep"
    }  # fmt: skip
    for tier, upload in begun.items():
        assert list(place.bucket(tier).uploads()) == []
        with pytest.raises(ClientError) as gone:
            place.s3().list_parts(Bucket=tier, Key=NAME, UploadId=upload)
        assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert place.bucket().read(f"{tmp_path.name}/whole") == b"stays"


def test_an_upload_that_may_still_end_stays(
    place: Place, begun: dict[str, str], tmp_path: Path
) -> None:
    config = _config(tmp_path, place, place.eraser)

    young = _sweep(config)

    assert json.loads(young.stdout) == {tier: {"aborted": 0, "younger": 1} for tier in BUCKETS}
    assert {u.id for tier in BUCKETS for u in place.bucket(tier).uploads()} == set(begun.values())
    assert _sweep(config, "--age-h", "0").exit_code == 0


def test_whoever_may_not_sweep_is_told_so(place: Place, tmp_path: Path) -> None:
    done = _sweep(_config(tmp_path, place, place.sink), "--age-h", "0")

    assert done.exit_code == 4
    assert done.stderr == (
        "overt-sink: the store refuses this identity: see the rights in docs/stores.md\n"
    )
