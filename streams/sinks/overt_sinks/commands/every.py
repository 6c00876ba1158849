"""Every command of `overt-sink`, and how its words are read: a wrong one is one line."""

import sys

import typer

from overt_schemas.errors import EXIT_USAGE
from overt_sinks import telemetry
from overt_sinks.commands import (
    gaps,
    index,
    move,
    people,
    publish,
    reconcile,
    run,
    sweep,
    tiers,
    verify,
)

# Tracebacks of the command line's library would show local variables: sealed content among them.
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def root() -> None:
    """Run a sink, check what it stored, move and erase it. Errors are one line."""
    telemetry.configure()  # to stderr: an answer is all that stands on stdout


# One line an area, in the order of the help.
run.register(app)
verify.register(app)
sweep.register(app)
move.register(app)
tiers.register(app)
people.register(app)
gaps.register(app)
reconcile.register(app)
index.register(app)
publish.register(app)


def call() -> int:
    """Do what the command line says and return the exit code."""
    try:
        return int(app(standalone_mode=False) or 0)
    except typer.TyperException as exc:
        return _usage(exc)


def _usage(exc: typer.TyperException) -> int:
    # The message is made by `format_message`, which the public base class does not declare.
    made = getattr(exc, "format_message", None)
    message = str(made() if made is not None else exc)
    if type(exc).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{message}\n")
    else:
        sys.stderr.write(f"overt-sink: {' '.join(message.split())} Try --help.\n")
    return EXIT_USAGE
