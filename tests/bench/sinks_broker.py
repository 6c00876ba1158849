"""The embedded broker, compiled as a server is: its start-up flags make its TLS 10 times as dear.

A stack on a laptop starts quickly by the JVM's first compiler alone, which has no AES instructions.
A bench that reads as fast as it can would measure that.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from overt_ops.devstack import DEMO, Running, Stack
from overt_ops.devstack.cluster import Cluster
from overt_ops.devstack.kafka import HEAP, Embedded
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.service import Service

_HEAP = "-Xmx512m"
_LEFT_OUT = ("-XX:TieredStopAtLevel=1", "-XX:AOT")  # what was trained knows one compiler only


class Compiled(Embedded):
    """Makes the same broker with both compilers."""

    def prepare(
        self, layout: Layout, cluster: Cluster, ports: Mapping[str, int]
    ) -> tuple[Service, ...]:
        """Return the broker's service with other flags."""
        services = super().prepare(layout, cluster, ports)
        return tuple(replace(one, argv=_flags(one.argv)) for one in services)


def _flags(argv: tuple[str, ...]) -> tuple[str, ...]:
    kept = (word for word in argv if not word.startswith(_LEFT_OUT))
    return tuple(_HEAP if word == HEAP else word for word in kept)


@contextmanager
def stack(state: Path) -> Iterator[Running]:
    """Lend a stack of servers, without the product's own services."""
    try:
        yield Stack.up(state, services=(), tuning=DEMO, brokers=1, maker=Compiled())
    finally:
        Stack.down(state)
