"""Tiers, moves and what goes, as tables. Pure but for the console."""

from collections import defaultdict
from datetime import UTC, datetime

from rich.console import Console

from overt_ops.keeping.view import Document, View, size, table

__all__ = ["View"]
_TIERS = ("hot", "warm", "cold")


def tiers(console: Console, found: Document) -> None:
    """Show a line a tier and class."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    days: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in found["tiers"]:
        key = (row["tier"], row["class"])
        for n, name in enumerate(("objects", "records", "bytes")):
            sums[key][n] += row[name]
        days[key].add(row["day"])
    if not sums:
        console.print("nothing is stored yet")
    table(
        console,
        ("tier", "class", "days", "objects", "records", "size"),
        [
            (tier, class_ or "all", len(days[tier, class_]) if class_ else "-", *counts[:2],
             size(counts[2]))
            for (tier, class_), counts in sorted(sums.items(), key=_by_tier)
        ],
    )  # fmt: skip


def days(console: Console, found: Document) -> None:
    """Show a line a day and class of one tier."""
    if not found["tiers"]:
        console.print("nothing stands there")
    table(
        console,
        ("day", "class", "objects", "records", "size", "oldest"),
        [
            (row["day"] or "-", row["class"] or "all", row["objects"], row["records"],
             size(row["bytes"]), when(row["oldest_ms"]))
            for row in found["tiers"]
        ],
    )  # fmt: skip


def lifecycle(console: Console, found: Document) -> None:
    """Show what happens next, in its order."""
    if not found["lifecycle"]:
        console.print("nothing is due, now or later")
    table(
        console,
        ("what", "in", "day", "class", "objects", "size", "from (UTC)"),
        [
            (row["what"], row["tier"], row["day"], row["class"], row["objects"],
             size(row["bytes"]), when(row["at_ms"]))
            for row in found["lifecycle"]
        ],
    )  # fmt: skip


def moved(console: Console, found: Document) -> None:
    """Show what a pass of the mover did."""
    console.print(
        f"{found['moved']} objects made, {found['records']} records, {size(found['bytes'])};"
        f" {found['deleted']} deleted where they were; {found['waiting']} wait for their time"
    )
    for reason, count in found["findings"].items():
        console.print(f"{count} not done: {reason.replace('_', ' ')}")


def expiring(console: Console, found: Document) -> None:
    """Show what would expire now."""
    table(console, ("day", "class"), found["days"])
    console.print(
        f"{found['objects']} objects would expire, {found['records']} records,"
        f" {size(found['bytes'])}; {found['held']} of them are on hold and stay"
    )
    if found["objects"] > found["held"]:
        console.print("say --yes to delete them; that cannot be undone")


def expired(console: Console, found: Document) -> None:
    """Show what expired."""
    console.print(
        f"{found['objects']} objects expired, {found['records']} records; {found['held']} on hold"
    )


def erased(console: Console, found: Document) -> None:
    """Show what an erasure did, and how long it took."""
    console.print(
        f"{found['records']} records erased in {found['seconds']} s:"
        f" {found['rewritten']} objects blanked in place, {found['deleted']} deleted"
    )


def holds(console: Console, found: Document) -> None:
    """Show who is on hold."""
    if not found["holds"]:
        console.print("nobody is on hold")
    table(
        console,
        ("person", "ticket", "since (UTC)"),
        [(row["person"], row["ticket"], when(row["since_ms"])) for row in found["holds"]],
    )


def when(wall_ms: int) -> str:
    """Return a time to the minute, in UTC as days are."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _by_tier(item: tuple[tuple[str, str], list[int]]) -> tuple[int, str]:
    (tier, class_), _ = item
    return _TIERS.index(tier) if tier in _TIERS else len(_TIERS), class_
