"""Dead letters on a terminal and as JSON."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from overt_ops.dlq import spans
from overt_ops.dlq.choose import Choice
from overt_ops.dlq.letters import Entry, counts
from overt_ops.dlq.reasons import Helps, explain
from overt_schemas.errors import EXIT_PARTIAL


def report(
    choice: Choice, done: list[tuple[Entry, str]], verb: str, *, dry: bool, output: str
) -> None:
    """Say what was done and what was left alone; exit 5 if something was left that was meant."""
    if output == "json":
        document = {
            "dry_run": dry,
            verb: [{"place": str(entry.place), "to": to} for entry, to in done],
            "would_be": [str(entry.place) for entry in choice.act] if dry else [],
            "decided_before": [str(entry.place) for entry in choice.decided],
            "pointless": [str(entry.place) for entry in choice.pointless],
            "not_ours": [str(entry.place) for entry in choice.foreign],
        }
        typer.echo(json.dumps(document))
    else:
        if dry:
            sums(choice.act)
            typer.echo(f"{len(choice.act)} letters would be {verb}: say --yes to do it")
        for entry, to in done[:20]:
            typer.echo(f"{entry.place} {verb}{f' to {to}' if to else ''}")
        if len(done) > 20:
            typer.echo(f"... {len(done)} {verb} in all")
        if choice.decided:
            typer.echo(f"{len(choice.decided)} decided before, left alone")
        if choice.foreign:
            typer.echo(f"{len(choice.foreign)} from topics that nothing is written back to")
        if choice.pointless:
            codes = ", ".join(sorted({entry.reason for entry in choice.pointless}))
            typer.echo(
                f"{len(choice.pointless)} left alone, a redrive cannot help ({codes}): "
                "`dlq explain` says why, --force does it all the same"
            )
        if not (choice.act or choice.decided or choice.foreign or choice.pointless):
            typer.echo("no dead letters")
    if not dry and (choice.pointless or choice.foreign):
        raise typer.Exit(EXIT_PARTIAL)


@contextmanager
def bar(total: int | None, text: str) -> Iterator[Any]:
    """Show a bar on a terminal, nothing elsewhere; yields what advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    console = Console(stderr=True, highlight=False)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done, of=total: progress.update(task, completed=done, total=of)


def row(entry: Entry) -> dict[str, str | int]:
    """Return a letter as a row of JSON."""
    known: dict[str, str | int] = {
        "place": str(entry.place),
        "age_s": max(0, time.time_ns() // 1_000_000 - entry.append_ms) // 1000,
        "topic": entry.topic,
        "from": f"{entry.partition}:{entry.offset}",
        "reason": entry.reason,
        "size": entry.size,
        "processor": entry.processor,
        "verdict": entry.state,
    }
    if entry.verdict is not None:
        known |= {"by": entry.verdict.actor, "at_ms": entry.verdict.at_ms}
        if entry.verdict.to_offset >= 0:
            known["to"] = f"{entry.verdict.topic} {entry.partition}:{entry.verdict.to_offset}"
    return known


def table(entries: Sequence[Entry]) -> None:
    """Print letters as a table."""
    drawn = Table(box=None)
    drawn.add_column("letter", no_wrap=True)
    drawn.add_column("age", justify="right")
    for heading in ("from", "reason"):
        drawn.add_column(heading, no_wrap=True)
    drawn.add_column("bytes", justify="right")
    drawn.add_column("redrive helps")
    drawn.add_column("verdict", no_wrap=True)
    for entry in entries:
        shown = row(entry)
        source = f"{entry.topic} {shown['from']}"
        drawn.add_row(
            str(shown["place"]), spans.said(int(shown["age_s"]) * 1000), source, entry.reason,
            f"{entry.size:,}", explain(entry.reason).helps.value, entry.state,
            style="dim" if entry.verdict else None,
        )  # fmt: skip
    Console(highlight=False, soft_wrap=not sys.stdout.isatty()).print(drawn)


def sums(entries: Iterable[Entry]) -> None:
    """Print how many letters there are of each reason."""
    for code, numbers in counts(entries).items():
        helps = explain(code).helps
        hint = "" if helps is Helps.NEVER else f"  redrive: {helps.value}"
        typer.echo(f"{numbers['letters']:6} {code:20} {numbers['undecided']} undecided{hint}")
