"""`overt-sink`: runs a sink, checks what it stored, moves and erases it. Errors are one line."""

import typer

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
app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__
)
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


def main() -> None:
    """Console script."""
    app()
