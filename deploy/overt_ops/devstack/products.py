"""The processes of the product that a stack runs beside its three servers.

They belong to other rooms, so they are started by the name of their command and never imported.
Stages: the authority first (it answers everybody), then what moves content.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overt_ops.devstack import service
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.service import Probe, Service
from overt_ops.private import write_private
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
    Product(name="feed", command="overt-processors", arguments=("feed",), stage=2),
    Product(name="session", command="overt-processors", arguments=("session",), stage=2),
    Product(name="reconcile", command="stream-ops", arguments=("reconcile",), stage=2),
    Product(name="sink", command="overt-sink", arguments=("run",), stage=2),
)
ALL = tuple(product.name for product in TABLE)
REFINE = ("refine-input", "refine-frame")
KEYLESS = ("feed", "session", "reconcile")  # believe signatures, and open nothing


def check(wanted: Sequence[str]) -> None:
    """Return if all ``wanted`` can be started.

    Raises:
        Permanent: a name is unknown, or its command is not installed beside this Python.
    """
    unknown = set(wanted) - set(ALL)
    if unknown:
        raise Permanent(
            f"no service called {', '.join(sorted(unknown))}: there are {', '.join(ALL)}",
            reason="unknown_service",
        )
    for product in TABLE:
        if product.name in wanted:
            program(product.command)


def program(command: str) -> Path:
    """Return where a command of the product lies.

    Raises:
        Permanent: it is not installed beside this Python.
    """
    path = Path(sys.executable).parent / command
    if not path.exists():
        raise Permanent(
            f"{command} is not installed beside {sys.executable}: run `uv sync` in the source tree",
            reason="not_installed",
        )
    return path


def add_to_table(layout: Layout, ports: Mapping[str, int], wanted: Sequence[str]) -> None:
    """Add the ``wanted`` products to the supervisor's table; it reads the table at a start."""
    check(wanted)
    path = layout.run / "table.json"
    kept = [entry for entry in service.from_json(path.read_text()) if entry.name not in wanted]
    added = [_service(layout, ports, product) for product in TABLE if product.name in wanted]
    write_private(path, service.to_json([*kept, *added]))


def _service(layout: Layout, ports: Mapping[str, int], product: Product) -> Service:
    settings = layout.settings(product.name)
    state = settings.parent / "state"
    return Service(
        name=product.name,
        argv=(str(program(product.command)), *product.arguments, "--config", str(settings)),
        cwd=str(state),
        log=str(layout.log(product.name)),
        stage=product.stage,
        probe=Probe(
            port=ports[product.port] if product.port else 0, ready_file=str(state / "ready")
        ),
    )
