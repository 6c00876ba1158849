"""``stream-ops demo``: one key press, the whole way, with the account of it."""

import json
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from overt_ops.demo.account import findings
from overt_ops.demo.source import XVFB_PROGRAMS, Machine, Source, choose
from overt_ops.devstack import default_state
from overt_schemas.errors import EXIT_FAILURE, EXIT_OK


def command(
    seconds: Annotated[int, typer.Option(min=3, max=3600, help="How long to capture.")] = 20,
    source: Annotated[
        Source,
        typer.Option(
            help="desktop asks you; xvfb works on a private display; scripted needs neither; "
            "auto takes the first that can run."
        ),
    ] = Source.AUTO,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one JSON object on stdout.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(help="State directory; default $OVERT_STATE or your data directory."),
    ] = None,
) -> None:
    """Start everything, capture for a while, read it back, and account for every event.

    One endpoint, one subscriber with a grant, one without. Exit 0 only if the account closes;
    1 if it does not, or if the prompt was refused or not answered within 60 s.
    """
    programs = frozenset(name for name in XVFB_PROGRAMS if shutil.which(name))
    choice = choose(source, Machine(environment=os.environ, programs=programs))
    show = Console(stderr=True, highlight=False)
    show.print(f"source: {choice.source.value} ({choice.why})")

    from overt_ops.cli.bars import Bars
    from overt_ops.demo import view
    from overt_ops.demo.run import Demo, new_folder, stack_for

    place = state or default_state()
    folder = new_folder(place)
    with stack_for(place, Bars) as (running, ready_s):
        demo = Demo(
            running=running, source=choice.source, folder=folder, show=show, ready_s=ready_s
        )
        result = demo.run(seconds)
    found = findings(result.account) + result.faults
    show.print(view.account(result.account, found))
    show.print(view.events(result.events))
    if as_json:
        typer.echo(json.dumps(result.account.as_json()))
    if not found:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(EXIT_OK if not found else EXIT_FAILURE)
