"""The processes of the product that a stack runs beside its three servers.

They belong to other rooms, so they are started by the name of their command and never imported.
Stages: the authority first (it answers everybody), then what moves content.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overt_ops.devstack.layout import Layout
from overt_ops.devstack.service import Probe, Service
from overt_schemas.errors import Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One row: a command, and the port it serves if it serves one."""

    name: str
    command: str
    arguments: tuple[str, ...]
    stage: int
    port: str = ""


TABLE = (
    Product(
        name="authority",
        command="overt-authority",
        arguments=("serve",),
        stage=1,
        port="authority",
    ),
    Product(
        name="refine-input",
        command="overt-processors",
        arguments=("refine", "--stream", "input"),
        stage=2,
    ),
    Product(
        name="refine-frame",
        command="overt-processors",
        arguments=("refine", "--stream", "frame"),
        stage=2,
    ),
    Product(name="sink", command="overt-sink", arguments=("run",), stage=2),
)
ALL = tuple(product.name for product in TABLE)
PROCESSORS = ("refine-input", "refine-frame")


def services(
    layout: Layout, ports: Mapping[str, int], wanted: Sequence[str]
) -> tuple[Service, ...]:
    """Return the wanted products as the supervisor starts them.

    Raises:
        Permanent: a name is unknown, or its command is not installed beside this Python.
    """
    unknown = set(wanted) - set(ALL)
    if unknown:
        raise Permanent(
            f"no service called {', '.join(sorted(unknown))}: there are {', '.join(ALL)}",
            reason="unknown_service",
        )
    return tuple(_service(layout, ports, p) for p in TABLE if p.name in wanted)


def _service(layout: Layout, ports: Mapping[str, int], product: Product) -> Service:
    command = Path(sys.executable).parent / product.command
    if not command.exists():
        raise Permanent(
            f"{product.command} is not installed beside {sys.executable}: "
            "run `uv sync` in the source tree",
            reason="not_installed",
        )
    settings = layout.settings(product.name)
    return Service(
        name=product.name,
        argv=(str(command), *product.arguments, "--config", str(settings)),
        cwd=str(settings.parent / "state"),
        log=str(layout.log(product.name)),
        stage=product.stage,
        probe=Probe(port=ports[product.port] if product.port else 0),
    )
