"""Options that many commands take, declared once."""

from pathlib import Path
from typing import Annotated

import typer


def _known(output: str) -> str:
    if output not in ("text", "json"):
        raise typer.BadParameter("text or json", param_hint="-o")
    return output


Config = Annotated[Path, typer.Option("--config", help="The settings: a TOML file, 0600.")]
Output = Annotated[str, typer.Option("--output", "-o", help="text or json", callback=_known)]
Progress = Annotated[bool, typer.Option("--progress", help="Tell it as JSON lines on stderr.")]
