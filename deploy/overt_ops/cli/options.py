"""Options that several commands share: which stack or settings, and how the answer is printed."""

from pathlib import Path
from typing import Annotated

import typer

State = Annotated[
    Path | None, typer.Option("--state", help="State directory of the stack; default as `dev up`.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings with a [kafka] table, instead of a stack's."),
]


def _known(output: str) -> str:
    if output not in ("table", "json"):
        raise typer.BadParameter("table or json", param_hint="-o")
    return output


Output = Annotated[
    str, typer.Option("-o", "--output", help="table or json", callback=_known)
]  # refused before the command does anything
