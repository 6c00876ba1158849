"""``stream-ops simulate``: a fleet of simulated endpoints, and the account of their events."""

import json
import shutil
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from overt_ops.devstack import default_state
from overt_schemas.errors import EXIT_FAILURE, EXIT_OK


class Output(Enum):
    """What stdout is for."""

    TABLE = "table"
    JSON = "json"


def command(
    devices: Annotated[
        int, typer.Option(min=1, max=200, help="How many endpoints, all in one process.")
    ],
    seconds: Annotated[
        float, typer.Option(min=3, max=86400, help="How long each one captures.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same persons.")] = 1,
    stagger: Annotated[float, typer.Option(min=0, help="Seconds between two starts.")] = 0.5,
    trace: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="A DuckTrack recording that every second one replays."
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="State directory; default $OVERT_STATE or your data directory."),
    ] = None,
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Run simulated endpoints the whole way, read everything back, and account for every event.

    The real pipeline, seal, spool and protocol, on the stack that runs in the state directory or on
    one started for it. Exit 0 only if the account closes.
    """
    show = Console(stderr=True, highlight=False)

    from overt_ops.cli.bars import Bars
    from overt_ops.demo.run import stack_for
    from overt_ops.simulate import view
    from overt_ops.simulate.account import findings
    from overt_ops.simulate.fleet import Plan
    from overt_ops.simulate.run import new_folder, simulate

    place = state or default_state()
    plan = Plan(devices=devices, seconds=seconds, seed=seed, stagger=stagger, trace=trace)
    folder = new_folder(place)
    with stack_for(place, Bars) as (running, _):
        result = simulate(running, plan, folder, show.print)
    found = findings(result)
    if output is Output.JSON:
        for line in found:
            show.print(line)
        typer.echo(json.dumps(result.as_json()))
    else:
        Console(highlight=False).print(view.account(result, found))
    if not found:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(EXIT_OK if not found else EXIT_FAILURE)
