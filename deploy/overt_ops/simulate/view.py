"""The account of a simulated fleet as a table."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from overt_ops.simulate.account import Account


def account(result: Account, found: Sequence[str]) -> RenderableType:
    """Return each stage with its count, and what does not close."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    for name, count, meaning in _rows(result):
        table.add_row(name, "?" if count is None else f"{count:,}", f"[dim]{meaning}")
    closes = Text("the account closes", style="bold green")
    lines = [Text(line, style="bold red") for line in found] or [closes]
    return Group(table, *lines)


def _rows(result: Account) -> list[tuple[str, int | None, str]]:
    labels = [(name, n, "events that the data labels as left out") for name, n in
              sorted(result.dropped.items())]  # fmt: skip
    states = ", ".join(f"{n} {state}" for state, n in result.sessions.items() if n)
    return [
        ("devices", len(result.spooled), "simulated endpoints"),
        ("offered", result.offered, "events that the scripts made"),
        ("captured", result.captured, "accepted at the listeners"),
        ("spooled", result.events_spooled, "sealed and on disk: from here on nothing may be lost"),
        ("read", result.read, "distinct events at the subscriber, decrypted"),
        *labels,
        ("lost", result.lost, "events that are missing without a label"),
        ("twice", result.duplicated, "events read more than once"),
        ("disordered", result.out_of_order, "events read behind a later one"),
        ("repeats", result.repeats, "batches that came twice and were dropped"),
        ("tombstones", result.tombstones, "batches whose content was let go of, on purpose"),
        (
            "withheld",
            result.withheld,
            "batches that refine set aside, marked where they are missing",
        ),
        ("unlabelled", result.unlabelled, "batches missing without a label"),
        ("dead letters", result.dead_letters, "records that refine or the sink set aside"),
        ("sessions", sum(result.sessions.values()), states),
        ("segments", result.segments, "opened, each under a logged key release"),
        ("parts", result.parts, "sealed again by refine"),
        ("in objects", result.parts_in_objects, f"in {result.objects} objects"),
        ("frames", result.frames_read, "pictures, each proved by its hash"),
    ]
