"""A warehouse in a bucket of a real S3 server, one that keeps versions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_schemas.errors import Refused, Transient
from overt_sinks.publish.place import Place, Remote
from overt_sinks.stores.target import Keys, Site
from tests.sinks.publish import reading
from tests.sinks.publish.desk import ANNA, BERT, DAYS, Desk
from tests.stores import places

_LAKE = f"s3://{places.KEPT}/lake"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[places.Place]:
    with places.place("versitygw", tmp_path_factory.mktemp("gw")) as made:
        yield made


def _remote(gateway: places.Place, keys: Keys | None = None) -> Remote:
    found = keys or gateway.keys
    assert found is not None
    return Remote(url=gateway.url, keys=found, site=Site())


def test_a_table_in_a_bucket_forgets_a_person_in_every_version(
    gateway: places.Place, tmp_path: Path
) -> None:
    remote = _remote(gateway)
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/index/index.db", _LAKE, remote)
    for person in (ANNA, BERT):
        desk.add(person, DAYS[0])
    desk.publish()
    place = Place(f"sqlite:///{tmp_path}/catalog.db", _LAKE, remote)
    assert reading.keys(tmp_path, at=place) == desk.expected()
    assert gateway.disk is not None
    assert reading.mentions(gateway.disk, ANNA)

    desk.erase(ANNA)
    outcome = desk.publish()

    assert outcome.removed > 0
    assert reading.keys(tmp_path, at=place) == desk.expected()
    assert reading.mentions(gateway.disk, ANNA) == []
    assert reading.mentions(gateway.disk, BERT)
    desk.index.close()


def test_an_identity_that_may_not_is_refused(gateway: places.Place, tmp_path: Path) -> None:
    desk = Desk(
        tmp_path, f"sqlite:///{tmp_path}/index/index.db", _LAKE, _remote(gateway, places.PROBER)
    )
    desk.add(ANNA, DAYS[0])

    with pytest.raises(Refused) as refused:
        desk.publish()

    assert refused.value.reason == "store_refused"
    desk.index.close()


def test_a_server_that_is_away_is_tried_again_later(tmp_path: Path) -> None:
    gone = Remote(url="http://127.0.0.1:1", keys=Keys(access="A" * 20, secret="s"), site=Site())
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/index/index.db", _LAKE, gone)

    with pytest.raises(Transient):
        desk.publish()

    desk.index.close()
