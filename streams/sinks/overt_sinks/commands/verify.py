"""`overt-sink verify`."""

import sys

import typer

from overt_schemas.errors import EXIT_FINDING, EXIT_PARTIAL
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output
from overt_sinks.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(config: Config, output: Output = "text") -> None:
    """Check that each committed offset stands in exactly one object, byte for byte."""
    with told():
        from overt_sinks.audit.report import as_json, as_text
        from overt_sinks.audit.verify import verify as account

        report = account(load(config))
    typer.echo(as_json(report) if output == "json" else as_text(report))
    if report.findings:
        raise typer.Exit(EXIT_FINDING)
    if report.unproven:
        sys.stderr.write(f"overt-sink: committed offsets were not compared: {report.unproven}\n")
        raise typer.Exit(EXIT_PARTIAL)
