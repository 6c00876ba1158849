"""Index and catalog on PostgreSQL, each by a login with the least it needs."""

from pathlib import Path

import pytest
import sqlalchemy as sa

import overt_sinks.index
from overt_schemas.errors import Transient
from overt_sinks.index.engine import Engine
from overt_sinks.publish.place import Place
from overt_sinks.publish.publishing import _alone
from tests.conformance.postgres import postgres_url, server
from tests.sinks.publish import reading
from tests.sinks.publish.desk import ANNA, BERT, DAYS, Desk

__all__ = ["postgres_url"]

_ROLES = Path(overt_sinks.index.__file__).with_name("roles.sql").read_text()


def test_a_table_is_published_from_one_database_by_the_verifier(
    postgres_url: str, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, postgres_url)
    name = str(sa.make_url(postgres_url).database)
    login = f"{name}_publisher"
    with server().connect(name) as db:
        db.execute(_ROLES.encode())
        db.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'word' IN ROLE overt_verifier".encode())
        db.execute(f"CREATE SCHEMA {login} AUTHORIZATION {login}".encode())  # for the catalog
    url = server().url(name, login, "word")
    desk.catalog = url
    for day in DAYS:
        desk.add(ANNA, day)
        desk.add(BERT, day)
    publisher = Engine(url)

    desk.publish(by=publisher)
    place = Place(url, desk.warehouse, None)
    assert reading.keys(tmp_path, at=place) == desk.expected()
    desk.erase(ANNA)
    desk.publish(by=publisher)

    assert reading.keys(tmp_path, at=place) == desk.expected()
    assert reading.mentions(tmp_path, ANNA) == []
    publisher.close()
    desk.index.close()


def test_publications_of_two_machines_exclude_each_other(postgres_url: str, tmp_path: Path) -> None:
    desk, here = Desk(tmp_path, postgres_url), Engine(postgres_url)

    with _alone(here, tmp_path / "another-machines-lock"), pytest.raises(Transient):
        desk.publish()

    desk.publish()
    here.close()
    desk.index.close()
