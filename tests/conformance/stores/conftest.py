"""One suite for every store: ``place`` runs each kind once; what a machine lacks is said in a line.

SeaweedFS is started alone, without the rest of the stack; the stack's own is in ``test_seaweed``.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from overt_sinks.stores.store import Store
from tests.stores import places
from tests.stores.install import Lacking, go_tool, npm_tool
from tests.stores.places import Place

_NEEDS = {"versitygw": go_tool, "fake-gcs": go_tool, "azurite": npm_tool}
# What is fetched and compiled once comes out of the first test's time.
_FIRST_TIME_S = 900
_LEFT_OUT: list[str] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the kinds of store that this machine cannot run, and remember why."""
    for kind, tool in _NEEDS.items():
        mine = [item for item in items if _kind(item) == kind]
        try:
            tool()
        except Lacking as exc:
            items[:] = [item for item in items if item not in mine]
            config.hook.pytest_deselected(items=mine)
            if mine:
                _LEFT_OUT.append(f"left out {len(mine)} tests of {kind}: {exc}")
        for item in mine:
            item.add_marker(pytest.mark.timeout(_FIRST_TIME_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it."""
    for line in _LEFT_OUT:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    """The stores that run, each started when the first test asks for it."""
    folder = tmp_path_factory.mktemp("stores")
    with ExitStack() as stack:
        yield _Started(folder, stack)


@pytest.fixture
def place(request: pytest.FixtureRequest, started: dict[str, Place]) -> Place:
    """A store that runs; parametrized indirectly with its kind."""
    return started[request.param]


@pytest.fixture
def store(place: Place) -> Store:
    """Its bucket hot, as an identity that may do everything."""
    return place.bucket()


@pytest.fixture
def folder() -> str:
    """A folder that no other test writes to."""
    return f"topic=test/topicid={secrets.token_hex(11)}/part=0"


class _Started(dict[str, Place]):
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__()
        self._folder = folder
        self._stack = stack

    def __missing__(self, kind: str) -> Place:
        where = self._folder / kind
        where.mkdir(mode=0o700)
        self[kind] = self._stack.enter_context(places.place(kind, where))
        return self[kind]


def _kind(item: pytest.Item) -> str:
    call = getattr(item, "callspec", None)
    kind = call.params.get("place", "") if call is not None else ""
    return kind if isinstance(kind, str) else ""
