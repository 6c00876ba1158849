"""`overt-sink verify`: is everything stored, once, and what it should be?"""

import sys
from typing import Annotated

import typer

from overt_schemas.errors import EXIT_FINDING, EXIT_PARTIAL
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress as telling
from overt_sinks.settings import load

Quick = Annotated[
    bool, typer.Option("--quick", help="Compare index and listings; read no object's bytes.")
]
Workers = Annotated[int, typer.Option(min=1, max=32, help="Objects that are read at once.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    config: Config,
    quick: Quick = False,
    workers: Workers = 2,
    output: Output = "text",
    progress: Progress = False,
) -> None:
    """Check that each committed offset stands once, was set aside, or is gone on purpose.

    Every object of every tier is read and compared with the index, byte for byte; every bucket is
    listed with all its versions. Nothing is changed. It may run beside a sink and a mover.
    """
    with told():
        from overt_sinks.audit.report import as_json, as_text
        from overt_sinks.audit.verify import verify as account

        tell = telling("verify", "objects", wanted=progress)
        report, _ = account(load(config), quick=quick, workers=workers, progress=tell)
    typer.echo(as_json(report) if output == "json" else as_text(report))
    end(bool(report.findings), report.unproven)


def end(is_finding: bool, unproven: list[str]) -> None:
    """End with a finding, or with what could not be proved."""
    if is_finding:
        raise typer.Exit(EXIT_FINDING)
    if unproven:
        sys.stderr.write(f"overt-sink: not proved: {'; '.join(unproven)}\n")
        raise typer.Exit(EXIT_PARTIAL)
