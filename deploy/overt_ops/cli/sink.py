"""``stream-ops sink``: is everything stored, what is not and why, and what stands wrong."""

from typing import Annotated

import typer

from overt_ops.cli.keeping import keep
from overt_ops.cli.options import Config, Output, State
from overt_ops.keeping import view
from overt_ops.keeping.process import ERASER, VERIFIER

app = typer.Typer(
    no_args_is_help=True,
    help="What the sink stored: each committed offset once, byte for byte, in every tier.\n\n"
    "Begin with `sink verify`. It changes nothing and may run beside a sink and a mover; exit 3 "
    "means a finding, 5 that something could not be proved. `sink gaps` says what is in no "
    "object and why. `sink reconcile` shows what would mend a finding.",
)

Quick = Annotated[
    bool, typer.Option("--quick", help="Index and listings only: no object's bytes are read.")
]
Workers = Annotated[int, typer.Option(min=1, max=32, help="Objects that are read at once.")]


@app.command()
def verify(
    state: State = None,
    config: Config = None,
    quick: Quick = False,
    workers: Workers = 2,
    output: Output = "table",
) -> None:
    """Check that each committed offset stands once, was set aside, or is gone on purpose.

    Reads every object of every tier as `verifier`, which may change nothing. -o json also names
    objects; names in warm and cold hold pseudonyms, so tables leave them out.
    """
    words = ["verify", "--workers", str(workers), *(["--quick"] if quick else [])]
    keep(words, VERIFIER, view.verify, state=state, config=config, output=output)


@app.command()
def gaps(
    state: State = None,
    config: Config = None,
    quick: Quick = False,
    workers: Workers = 2,
    output: Output = "table",
) -> None:
    """List offsets that stand nowhere: hole, set aside, erased, expired, unaccounted.

    A hole was committed and never stored; unaccounted is covered by an object and nowhere. Both
    are findings (exit 3). What was set aside is in `stream-ops dlq list`.
    """
    words = ["gaps", "--workers", str(workers), *(["--quick"] if quick else [])]
    keep(words, VERIFIER, view.gaps, state=state, config=config, output=output)


@app.command()
def reconcile(
    state: State = None,
    config: Config = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it, as `eraser`. Deleting cannot be undone.")
    ] = False,
    workers: Workers = 2,
    output: Output = "table",
) -> None:
    """Compare objects, index and buckets with all their versions, and show what would mend them.

    Only shown at first (exit 3 if there is anything). With --apply it adopts what continues a
    chain, gives lost rows back, and deletes what it has read elsewhere or the ledger says is
    gone. What it cannot prove it leaves, and says so. Interrupted, the next run goes on.
    """
    words = ["reconcile", "--workers", str(workers), *(["--apply"] if apply else [])]
    identity = ERASER if apply else VERIFIER
    keep(words, identity, view.reconcile, state=state, config=config, output=output)
