"""What a command prints: one JSON object, or lines for a person."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import typer


def say(output: str, values: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print the result; JSON is one line, the last one of stdout."""
    if output == "json":
        typer.echo(json.dumps(values))
    else:
        for line in lines:
            typer.echo(line)
