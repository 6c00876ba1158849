"""`overt-sink gaps`: what of the log is in no object, and why?"""

import json

import typer

from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress as telling
from overt_sinks.commands.verify import Quick, Workers, end
from overt_sinks.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(gaps)


def gaps(
    config: Config,
    quick: Quick = False,
    workers: Workers = 2,
    output: Output = "text",
    progress: Progress = False,
) -> None:
    """List the offsets that stand nowhere: hole, set aside, erased, expired, unaccounted.

    Exit 3 if one has no reason (hole, unaccounted). With --quick nothing is read, and what is
    unaccounted stays unknown.
    """
    with told():
        from overt_sinks.audit.verify import verify as account

        tell = telling("gaps", "objects", wanted=progress)
        report, found = account(load(config), quick=quick, workers=workers, progress=tell)
    if output == "json":
        typer.echo(json.dumps({**found.as_dict(), "unproven": report.unproven}))
    else:
        typer.echo(found.as_text())
    end(not found.is_explained, report.unproven)
