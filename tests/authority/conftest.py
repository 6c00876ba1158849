from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_authority.publish import MemoryPublisher
from overt_authority.services import Services
from tests.authority import kit


@pytest.fixture
def world(tmp_path: Path) -> kit.World:
    return kit.make_world(tmp_path)


@pytest.fixture
def authority(world: kit.World) -> Iterator[tuple[Services, MemoryPublisher]]:
    with kit.running(world) as running:
        yield running


@pytest.fixture
def services(authority: tuple[Services, MemoryPublisher]) -> Services:
    return authority[0]


@pytest.fixture
def spoken(authority: tuple[Services, MemoryPublisher]) -> MemoryPublisher:
    return authority[1]


@pytest.fixture
def url(services: Services, world: kit.World) -> Iterator[str]:
    with kit.serving(services, world) as address:
        yield address
