"""Every test that asks for ``url`` runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_sinks.index import Index
from tests.conformance.postgres import postgres_url

__all__ = ["postgres_url"]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return f"sqlite:///{tmp_path}/index/index.db"


@pytest.fixture
def index(url: str) -> Iterator[Index]:
    made = Index(url)
    made.create()
    yield made
    made.close()
