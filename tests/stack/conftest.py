"""One embedded stack for all tests of a session: real Kafka, store and key server.

``stack`` gives the three servers with the topology applied. ``product`` starts the authority,
the processors and the sink beside them, for tests of the whole way. A stack that cannot start fails
the tests that asked for it, with its reason; jars and the AOT cache come from the user's cache.
"""

from collections.abc import Iterator

import pytest

from overt_ops.devstack import DEMO, Running, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The servers, with subscribers alice and mallory; stopped at the end of the session."""
    state = tmp_path_factory.mktemp("stack") / "state"
    running = Stack.up(state, services=(), tuning=DEMO)
    try:
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def product(stack: Running) -> Running:
    """The same stack with every service of the product running."""
    stack.start()
    return stack
