"""``stream-ops dev``: the embedded stack on this machine."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from overt_ops.cli.options import Output
from overt_ops.devstack import DEMO, Process, Stack, Tuning, default_state
from overt_schemas.errors import EXIT_PARTIAL

app = typer.Typer(no_args_is_help=True, help="The embedded stack: Kafka, store, keys, services.")

State = Annotated[
    Path | None,
    typer.Option("--state", help="State directory; default $OVERT_STATE or your data directory."),
]


@app.command()
def up(
    state: State = None,
    new_ports: Annotated[
        bool, typer.Option("--new-ports", help="Forget the remembered ports.")
    ] = False,
    service: Annotated[
        list[str] | None,
        typer.Option(help="Start only this service beside the servers; repeatable."),
    ] = None,
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Start Kafka, the store and the key server.")
    ] = False,
    brokers: Annotated[
        int | None,
        typer.Option(help="Kafka brokers, 1 or 3; default: as the stack was made, else 1."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Short beacons: a lost pause ends within a minute.")
    ] = False,
) -> None:
    """Start the stack, or say that it is running."""
    from overt_ops.cli.bars import Bars
    from overt_ops.devstack import products

    place = state or default_state()
    console = Console(stderr=True, highlight=False)
    wanted = () if servers_only else service
    running = Stack.find(place) if Stack.is_running(place) else None
    if (
        running is not None
        and brokers in (None, len(running.brokers))
        and running.is_complete(products.ALL if wanted is None else wanted)
    ):
        console.print(f"already running in {place}")
        return
    with Bars() as bars:
        running = Stack.up(
            place,
            bars,
            services=wanted,
            tuning=DEMO if demo else Tuning(),
            new_ports=new_ports,
            brokers=brokers,
        )
    console.print(f"ready in {place}")
    _show(running.status(), "table")


@app.command()
def down(state: State = None) -> None:
    """Stop everything, in order; nothing is left running."""
    place = state or default_state()
    stopped = Stack.down(place)
    Console(stderr=True, highlight=False).print(
        f"stopped {place}" if stopped else f"nothing runs in {place}"
    )


@app.command()
def status(state: State = None, output: Output = "table") -> None:
    """Show each process: state, pid, port, restarts, uptime and memory; exit 5 if one is not up."""
    processes = Stack.find(state or default_state()).status()
    _show(processes, output)
    if any(process.state != "ready" for process in processes):
        raise typer.Exit(EXIT_PARTIAL)


def _show(processes: tuple[Process, ...], output: str) -> None:
    if output == "json":
        rows = [asdict(process) for process in processes]
        total = round(sum(process.pss_mb for process in processes), 1)
        typer.echo(json.dumps({"processes": rows, "pss_mb": total}))
        return
    table = Table(box=None)
    for heading in ("process", "state"):
        table.add_column(heading)
    for heading in ("pid", "port", "restarts", "uptime", "PSS MB"):
        table.add_column(heading, justify="right")
    for process in processes:
        state = f"{process.state} ({process.reason})" if process.reason else process.state
        table.add_row(
            process.name,
            state,
            str(process.pid or ""),
            str(process.port or ""),
            str(process.restarts),
            _uptime(process.uptime_s),
            f"{process.pss_mb:.0f}",
        )
    total = sum(process.pss_mb for process in processes)
    table.add_row("all", "", "", "", "", "", f"{total:.0f}", style="bold")
    Console(highlight=False).print(table)


def _uptime(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
