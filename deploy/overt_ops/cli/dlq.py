"""``stream-ops dlq``: records that nobody could process, what they mean, and the way back."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from overt_ops.cli import dlq_view
from overt_ops.cli.options import Config, Output, State
from overt_ops.dlq import facts, spans
from overt_ops.dlq.choose import choose
from overt_ops.dlq.letters import NONE, Book, Entry, Filter, Place, counts
from overt_ops.dlq.reasons import REASONS, explain
from overt_ops.pipeline.doors import OPERATOR, REDRIVE, Door
from overt_schemas.errors import Permanent

app = typer.Typer(
    no_args_is_help=True,
    help="Dead letters: records that nobody could process, kept sealed for 7 days.\n\n"
    "Begin with `dlq list`; `dlq explain REASON` says what a code means and whether a redrive "
    "can help. A redriven record is checked like any other: nothing gets in that was kept out.",
)

Places = Annotated[list[str] | None, typer.Argument(help="PARTITION:OFFSET, as `list` shows.")]
ReasonOption = Annotated[
    list[str] | None, typer.Option("--reason", help="Only this code; repeatable.")
]
TopicOption = Annotated[str, typer.Option("--topic", help="Only from this topic.")]
Since = Annotated[str, typer.Option("--since", help="Only of the last 90s, 15m, 2h, 7d.")]
All = Annotated[bool, typer.Option("--all", help="All that are undecided.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Do it. Without, filters only show what is meant.")
]


@app.command("list")
def list_(
    state: State = None,
    config: Config = None,
    reason: ReasonOption = None,
    topic: TopicOption = "",
    since: Since = "",
    verdict: Annotated[str, typer.Option(help="none, redriven, discarded; default all.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Rows shown, the newest; 0: all.")] = 50,
    output: Output = "table",
) -> None:
    """Show the letters, the newest last, and how many there are of each reason."""
    meant = _filter(None, reason, topic, since, verdict)
    with _letters(state, config, OPERATOR) as (_, letters):
        found = [e for e in _read(letters).entries() if meant.holds(e)]
    shown = found[-limit:] if limit else found
    if output == "json":
        rows = [dlq_view.row(entry) for entry in shown]
        typer.echo(json.dumps({"letters": rows, "total": len(found), "reasons": counts(found)}))
        return
    if not found:
        typer.echo("no dead letters")
        return
    dlq_view.table(shown)
    if len(shown) < len(found):
        typer.echo(f"... and {len(found) - len(shown)} older ones (--limit 0 shows all)")
    dlq_view.sums(found)


@app.command()
def show(
    place: Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `list` shows.")],
    state: State = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Show one letter: where it came from, its hashes and clear header. Never its content."""
    at = Place.parse(place)
    with _letters(state, config, OPERATOR) as (_, letters):
        letter = letters.whole([at])[at]
        entry = next(e for e in _read(letters).entries() if e.place == at)
    known: dict[str, Any] = {
        **dlq_view.row(entry), "means": explain(entry.reason).meaning, **facts.hashes(letter),
        "clear": facts.clear(letter),
    }  # fmt: skip
    if output == "json":
        typer.echo(json.dumps(known))
        return
    table = Table(box=None, show_header=False)
    for name, value in known.items():
        if isinstance(value, dict):
            for inner, shown in value.items():
                table.add_row(f"clear {inner}", str(shown))
        elif value not in ("", None):
            table.add_row(name, str(value))
    Console(highlight=False).print(table)


@app.command("explain")
def explain_(
    what: Annotated[str, typer.Argument(help="A reason code; none: all.")] = "",
    output: Output = "table",
) -> None:
    """Say what a reason code means, what to do, and whether a redrive can help."""
    if what and what not in REASONS:
        raise Permanent(
            f"no reason called {what[:40]!r}: `stream-ops dlq explain` lists all", reason="usage"
        )
    wanted = [REASONS[what]] if what else list(REASONS.values())
    if output == "json":
        rows = [
            {"reason": r.code, "meaning": r.meaning, "do": r.action, "redrive": r.helps.value}
            for r in wanted
        ]
        typer.echo(json.dumps(rows))
        return
    if what:
        typer.echo(f"{what}: {wanted[0].meaning}\nRedrive helps: {wanted[0].helps.value}.")
        typer.echo(wanted[0].action)
        return
    table = Table(box=None)
    for heading in ("reason", "redrive helps", "meaning"):
        table.add_column(heading)
    for known in wanted:
        table.add_row(known.code, known.helps.value, known.meaning)
    Console(highlight=False).print(table)


@app.command()
def redrive(
    places: Places = None,
    state: State = None,
    config: Config = None,
    reason: ReasonOption = None,
    topic: TopicOption = "",
    since: Since = "",
    every: All = False,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where it cannot help (`dlq explain`).")
    ] = False,
    output: Output = "table",
) -> None:
    """Write records back to where they came from, byte for byte, and note that.

    Named letters at once; letters chosen by filters only with --yes. Doing it twice does nothing.
    """
    _decide(places, _Meant(reason, topic, since, every), state, config, yes, force, output)


@app.command()
def discard(
    places: Places = None,
    state: State = None,
    config: Config = None,
    reason: ReasonOption = None,
    topic: TopicOption = "",
    since: Since = "",
    every: All = False,
    yes: Yes = False,
    output: Output = "table",
) -> None:
    """Note that letters are not to come back; their sealed bytes go by retention."""
    _decide(places, _Meant(reason, topic, since, every), state, config, yes, None, output)


@dataclass(frozen=True, slots=True)
class _Meant:
    """The filters of a bulk command."""

    reason: list[str] | None
    topic: str
    since: str
    every: bool

    @property
    def is_empty(self) -> bool:
        return not (self.reason or self.topic or self.since or self.every)


def _decide(
    places: list[str] | None, filters: _Meant, state: Path | None, config: Path | None,
    yes: bool, force: bool | None, output: str,
) -> None:  # fmt: skip
    """Redrive (``force`` is given) or discard what is meant."""
    from overt_ops.dlq.topic import SOURCES, Way

    is_bulk = not places
    if is_bulk and filters.is_empty:
        raise Permanent("say which: PARTITION:OFFSET, a filter, or --all", reason="usage")
    meant = _filter(places, filters.reason, filters.topic, filters.since, "")
    sources = frozenset[str]() if force is None else SOURCES
    with _letters(state, config, REDRIVE) as (door, letters):
        entries = _read(letters).entries()
        choice = choose(entries, meant, sources=sources, force=bool(force))
        done: list[tuple[Entry, str]] = []
        if not is_bulk or yes:
            way = Way(door=door, now_ms=lambda: time.time_ns() // 1_000_000)
            steps = way.discard(choice.act) if force is None else way.redrive(letters, choice.act)
            with dlq_view.bar(
                len(choice.act), "discarding" if force is None else "redriving"
            ) as advance:
                for step in steps:
                    done.append(step)
                    advance(len(done))
    verb = "discarded" if force is None else "redriven"
    dlq_view.report(choice, done, verb, dry=is_bulk and not yes, output=output)


@contextmanager
def _letters(state: Path | None, config: Path | None, name: str) -> Iterator[tuple[Door, Any]]:
    from overt_ops.cli.doors import door_of
    from overt_ops.dlq.topic import Letters

    door = door_of(state, config, name)
    with Letters(door) as letters:
        yield door, letters


def _read(letters: Any) -> Book:
    """Return all there are, whatever is asked for: a verdict may name an older copy."""
    with dlq_view.bar(None, "reading dead letters") as advance:
        book: Book = letters.book(advance)
    return book


def _filter(
    places: list[str] | None, reason: list[str] | None, topic: str, since: str, verdict: str
) -> Filter:
    if verdict not in ("", NONE, "redriven", "discarded"):
        raise Permanent("--verdict is none, redriven or discarded", reason="usage")
    return Filter(
        places=frozenset(map(Place.parse, places or ())),
        reasons=frozenset(reason or ()),
        topic=topic,
        since_ms=time.time_ns() // 1_000_000 - spans.ms(since) if since else 0,
        state=verdict,
    )
