from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.postgres import postgres_url
from tests.sinks.audit.kept import Kept

__all__ = ["postgres_url"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/index.db"


@pytest.fixture
def kept(url: str) -> Iterator[Kept]:
    made = Kept.make(url)
    yield made
    made.index.close()
