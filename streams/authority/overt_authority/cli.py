"""``overt-authority``: the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from overt_authority import telemetry
from overt_schemas.errors import EXIT_FAILURE, EXIT_USAGE, OvertError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def root() -> None:
    """Devices, people, consent, beacon, grants, key release: who may."""


@app.command()
def serve(
    config: Annotated[Path, typer.Option(help="Settings (TOML), readable by its user alone.")],
) -> None:
    """Serve until SIGTERM; <state_dir>/ready appears when everything answers."""
    # Not before: pydantic and uvicorn cost half a second that `--help` need not wait for.
    from overt_authority import settings
    from overt_authority.serve import run

    telemetry.configure()
    try:
        code = run(settings.load(config))
    except OvertError as exc:
        usage = exc.reason == "settings"
        sys.stderr.write(f"overt-authority: {exc}\n")
        raise typer.Exit(EXIT_USAGE if usage else EXIT_FAILURE) from exc
    raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    app()
