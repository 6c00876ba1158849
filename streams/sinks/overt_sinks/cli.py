"""`overt-sink`: run a sink, or verify what it stored. An error is one line on stderr."""

import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_FINDING,
    EXIT_NOT_AUTHORISED,
    EXIT_PARTIAL,
    EXIT_USAGE,
    OvertError,
)
from overt_sinks import telemetry
from overt_sinks.audit.report import as_json, as_text
from overt_sinks.settings import load

# Tracebacks of the command line's library would show local variables: sealed content among them.
app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__
)
Config = Annotated[Path, typer.Option("--config", help="The sink's settings: a TOML file, 0600.")]

_CODES = {
    "settings": EXIT_USAGE,
    "store_refused": EXIT_NOT_AUTHORISED,
    "kafka_refused": EXIT_NOT_AUTHORISED,
    "create": EXIT_NOT_AUTHORISED,
    "read": EXIT_NOT_AUTHORISED,
    "list": EXIT_NOT_AUTHORISED,
    # Nobody knows, or nobody can prove any more, where the chain should go on.
    "no_offset": EXIT_PARTIAL,
    "stale_offset": EXIT_PARTIAL,
    "expired": EXIT_PARTIAL,
    "unreadable": EXIT_PARTIAL,
    # The store or an object is not what it must be.
    "create_only": EXIT_FINDING,
    "create_only_second": EXIT_FINDING,
    "list_after_put": EXIT_FINDING,
    "wrong_checksum": EXIT_FINDING,
    "anonymous": EXIT_FINDING,
    "side_door": EXIT_FINDING,
    "object_hash": EXIT_FINDING,
    "object_name": EXIT_FINDING,
    "container": EXIT_FINDING,
    "index_differs": EXIT_FINDING,
}


@app.command()
def run(config: Config) -> None:
    """Sink parts into objects until stopped by SIGTERM."""
    telemetry.configure()
    try:
        from overt_sinks import app as wiring

        wiring.run(load(config))
    except OvertError as exc:
        telemetry.sink_failed(exc.reason)
        _fail(exc)
    except Exception as exc:
        place = traceback.extract_tb(exc.__traceback__)[-1]
        telemetry.sink_broke(type(exc).__name__, Path(place.filename).name, place.lineno or 0)
        sys.stderr.write("overt-sink: broke, see the line above; report it, and start it again\n")
        raise typer.Exit(EXIT_FAILURE) from None


@app.command()
def verify(
    config: Config,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json")] = "text",
) -> None:
    """Check that each committed offset stands in exactly one object, byte for byte."""
    try:
        from overt_sinks.audit.verify import verify as account

        report = account(load(config))
    except OvertError as exc:
        _fail(exc)
    typer.echo(as_json(report) if output == "json" else as_text(report))
    if report.findings:
        raise typer.Exit(EXIT_FINDING)
    if report.unproven:
        sys.stderr.write(f"overt-sink: committed offsets were not compared: {report.unproven}\n")
        raise typer.Exit(EXIT_PARTIAL)


def exit_code(exc: OvertError) -> int:
    """Return the exit code that an error ends a command with."""
    return _CODES.get(exc.reason, EXIT_FAILURE)


def main() -> None:
    """Console script."""
    app()


def _fail(exc: OvertError) -> NoReturn:
    sys.stderr.write(f"overt-sink: {exc}\n")
    raise typer.Exit(exit_code(exc))
