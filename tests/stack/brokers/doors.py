"""Bringing up the stack under test with the brokers that this run has chosen."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from overt_ops.devstack import DEMO, Running, Stack
from overt_ops.devstack.layout import Layout
from tests.stack.brokers.choice import chosen


def bring_up(
    state: Path, *, services: Sequence[str] | None = (), count: int | None = None
) -> Running:
    """Start a stack, or return the one that runs; ``count`` overrides the variable."""
    choice = chosen()
    return Stack.up(
        state,
        services=services,
        tuning=DEMO,
        brokers=count or choice.brokers,
        maker=choice.maker,
    )


@contextlib.contextmanager
def stack(
    state: Path, *, services: Sequence[str] | None = (), count: int | None = None
) -> Iterator[Running]:
    """Lend a stack; afterwards nothing of it runs, here or in a container."""
    try:
        yield bring_up(state, services=services, count=count)
    finally:
        Stack.down(state)
        if chosen().maker is not None:
            from tests.stack.brokers.containers import clean

            clean(Layout(state=state.resolve()))
