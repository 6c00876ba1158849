from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.subscriber.authority_twin import Twin


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An authority that answers over TLS and holds nothing yet."""
    with Twin(folder=tmp_path).serving() as serving:
        yield serving
