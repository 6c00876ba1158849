from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sinks.audit.kept import Kept


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept.make(tmp_path)
    yield made
    made.index.close()
