"""How `sink` and `tier` run a command of the sinks and show what it found."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from overt_ops.cli.bars import Bars
from overt_ops.keeping import process
from overt_ops.keeping.view import View
from overt_schemas.errors import EXIT_INTERRUPTED

_AGAIN = "interrupted: start it again, it goes on where it was"
# What its messages tell people to do, as they do it here.
_HERE = {
    "overt-sink verify": "stream-ops sink verify",
    "overt-sink hold list": "stream-ops tier hold list",
    "overt-sink tiers": "stream-ops tier list",
}


def keep(
    words: Sequence[str], identity: str, view: View | None, *, state: Path | None,
    config: Path | None, output: str = "table", tells: bool = True,
) -> None:  # fmt: skip
    """Run ``overt-sink WORDS`` as ``identity``, show its result and end with its code.

    Without a ``view`` it has no result, and its silence is good news; ``tells`` says whether it
    can tell how far it is.
    """
    flags = (*(process.JSON if view else ()), *(process.PROGRESS if tells else ()))
    settings = process.settings_of(state, config, identity)
    with Bars() as bars:
        ended = process.run(
            [*words, *flags], settings, lambda s: bars.count(s.what, s.done, s.total, s.unit)
        )
    if ended.text and output == "json":
        typer.echo(ended.text)
    elif ended.document and view:
        view(Console(highlight=False, soft_wrap=True), ended.document)
    if ended.code == EXIT_INTERRUPTED:
        # Said once, with what is left; `main` would say it again.
        sys.stderr.write(f"stream-ops: {(*ended.said, _AGAIN)[0]}\n")
        raise SystemExit(EXIT_INTERRUPTED)
    for line in ended.said:
        sys.stderr.write(f"stream-ops: {_as_here(line)}\n")
    raise typer.Exit(ended.code)


def _as_here(line: str) -> str:
    for theirs, ours in _HERE.items():
        line = line.replace(theirs, ours)
    return line
