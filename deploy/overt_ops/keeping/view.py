"""What the sinks' commands found, as tables. Pure but for the console."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Document = Mapping[str, Any]
View = Callable[[Console, Document], None]
_SHOWN = 20
_MANY = 10_000
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def verify(console: Console, found: Document) -> None:
    """Show the account, and what is wrong."""
    total = sum(found["counts"].values())
    verdict = f"{total} findings" if total else "clean" if found["clean"] else "not all is proved"
    console.print(f"[bold]{verdict}[/bold]")
    stands = f"{found['records']} in {found['objects']} objects, {size(found['size_bytes'])}"
    how = "index and listings; no bytes were read" if found["quick"] else "every byte was read"
    rows = (
        ("records", stands),
        ("chain", f"{found['links']} links in {found['partitions']} partitions"),
        ("on purpose", f"{found['gone']} erased or expired, {found['set_aside']} set aside"),
        ("on the way", f"{found['pending']} pending, {found['moving']} moving,"
         f" {found['leaving']} leaving"),
        ("time", _pace(found)),
        ("looked at", how),
    )  # fmt: skip
    _pairs(console, rows)
    if total:
        table(
            console,
            ("what", "tier", "partition", "first", "last"),
            [
                (f["kind"].replace("_", " "), f["tier"], *map(_number, _place(f)))
                for f in found["findings"][:_SHOWN]
            ],
        )
        _more(console, total)


def gaps(console: Console, found: Document) -> None:
    """Show the gaps, and how many offsets each reason has."""
    shown = found["gaps"][:_SHOWN]
    table(
        console,
        ("partition", "first", "last", "offsets", "reason"),
        [(g["partition"], g["first"], g["last"], g["count"], g["reason"]) for g in shown],
    )
    _more(console, len(found["gaps"]) + found["left_out"])
    sums = ", ".join(f"{n} {reason}" for reason, n in found["offsets"].items())
    console.print(sums or "no gaps")


def reconcile(console: Console, found: Document) -> None:
    """Show what would be done, or was, and what is left to a person."""
    steps, left = found["steps"], found["left"]
    if not steps and not left:
        console.print("nothing to mend")
        return
    table(console, ("do", "tier", "of"), _counted(steps, "do"))
    table(console, ("left alone", "tier", "of"), _counted(left, "why"))
    if found["applied"]:
        console.print(f"{found['done']} of {len(steps)} done")
    elif steps:
        console.print(f"{len(steps)} steps: say --apply to do them")


def table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Show rows, or nothing where there are none."""
    if not rows:
        return
    shown = Table(box=None)
    for head in heads:
        shown.add_column(head)
    for row in rows:
        shown.add_row(*map(str, row))
    console.print(shown)


def size(count: int) -> str:
    """Return a size as people read it."""
    value, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def _counted(rows: Sequence[Document], name: str) -> list[tuple[str, str, int]]:
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row[name], row["tier"])
        counts[key] = counts.get(key, 0) + 1
    return [(what, tier, n) for (what, tier), n in counts.items()]


def _pairs(console: Console, rows: Sequence[tuple[str, object]]) -> None:
    shown = Table(box=None, show_header=False)
    for name, value in rows:
        shown.add_row(name, str(value))
    if rows:
        console.print(shown)


def _pace(found: Document) -> str:
    """Say how long it took, and how long a million records would: of few that says nothing."""
    took = f"{found['seconds']} s"
    few = found["records"] < _MANY
    return took if few else f"{took}, {found['seconds_per_million']:.0f} s a million records"


def _place(found: Document) -> tuple[int, int, int]:
    return found["partition"], found["first"], found["last"]


def _number(value: int) -> str:
    return "" if value < 0 else str(value)


def _more(console: Console, total: int) -> None:
    if total > _SHOWN:
        console.print(f"... and {total - _SHOWN} more (-o json)")
