"""`overt-sink reconcile`: what stands in the wrong place, and the way back."""

import json
import time
from collections import Counter
from typing import Annotated

import typer

from overt_schemas.errors import EXIT_FINDING
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress as telling
from overt_sinks.commands.verify import Workers, end
from overt_sinks.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    config: Config,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without, it is only shown.")
    ] = False,
    workers: Workers = 2,
    output: Output = "text",
    progress: Progress = False,
) -> None:
    """Compare objects, index and stores, and show what would mend them.

    Reads every object, as verify does. Exit 3 if there is anything to do, or anything left that it
    may not mend. With --apply (as the eraser) it adopts what continues a chain, gives lost rows
    back, and deletes what it has proved to stand elsewhere or to be gone on purpose. What it
    cannot prove it never deletes.
    """
    with told():
        from overt_sinks.audit.mend import Mender
        from overt_sinks.audit.reconcile import survey

        found = survey(load(config), now_ms=time.time_ns() // 1_000_000)
        plan = found.plan(workers, telling("reconcile", "objects", wanted=progress))
        tell = telling("mend", "steps", wanted=progress)
        done = Mender(survey=found).do_all(plan, tell) if apply else 0
    unproven = found.report.unproven
    if output == "json":
        document = {**plan.as_dict(), "applied": apply, "done": done, "unproven": unproven}
        typer.echo(json.dumps(document))
    else:
        counts = Counter((step.do, step.tier) for step in plan.steps)
        for (do, tier), n in counts.items():
            typer.echo(f"{n} {do.name.lower()}{f' in {tier}' if tier else ''}: {do.value}")
        for (why, tier), n in Counter((left.why, left.tier) for left in plan.left).items():
            typer.echo(f"{n} left{f' in {tier}' if tier else ''}: {why}")
        if not plan.steps and not plan.left:
            typer.echo("nothing to mend")
        elif apply:
            typer.echo(f"{done} of {len(plan.steps)} done")
        elif plan.steps:
            typer.echo("say --apply to do it")
    if plan.left or (plan.steps and not apply):
        raise typer.Exit(EXIT_FINDING)
    end(False, unproven)
