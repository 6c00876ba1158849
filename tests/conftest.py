"""What all tests share: the stack, started once, and the lines that say what ran and what did not.

``stack`` gives the servers with the topology applied; ``tests/stack/brokers`` chooses its Kafka.
``product`` starts the authority, the processors and the sink beside them, for tests of the whole
way. A stack that cannot start fails the tests that asked for it, with its reason; jars and the AOT
cache come from the user's cache.
"""

from collections.abc import Iterator

import pytest

from overt_ops.devstack import Running
from tests.left_out import reasons
from tests.stack import brokers

LEFT_OUT: list[str] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run on this machine, and remember the reason."""
    for marker, why in reasons().items():
        out = [item for item in items if item.get_closest_marker(marker)]
        if out:
            items[:] = [item for item in items if item not in out]
            config.hook.pytest_deselected(items=out)
            LEFT_OUT.append(f"left out {len(out)} {marker} tests, {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it."""
    for line in [*LEFT_OUT, *brokers.lines()]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The servers, with subscribers alice and mallory; stopped at the end of the session."""
    with brokers.stack(tmp_path_factory.mktemp("stack") / "state") as running:
        yield running


@pytest.fixture(scope="session")
def product(stack: Running) -> Running:
    """The same stack with every service of the product running."""
    stack.start()
    return stack
