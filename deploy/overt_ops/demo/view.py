"""What the demo shows: the stages live, then the account and the first events. Rich, on stderr."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from overt_ops.demo.account import Account
from overt_schemas.columns import THINNED


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """One look at the path; counts since the demo began."""

    seconds_left: int
    capturing: bool
    beacon: int
    captured: int
    spooled: int
    published: int
    parts: int
    in_objects: int
    objects: int
    live: int
    late_ms: int | None
    lag: int


def live(source: str, now: Stages) -> RenderableType:
    """Return the live view."""
    table = Table(expand=True, box=None, pad_edge=False)
    for name in (
        "captured", "spooled", "published", "parts", "in objects", "objects", "lag", "live", "late",
    ):  # fmt: skip
        table.add_column(name, justify="right", header_style="bold")
    row = (
        now.captured, now.spooled, now.published, now.parts, now.in_objects, now.objects, now.lag,
        now.live,
    )  # fmt: skip
    table.add_row(*(f"{value:,}" for value in row), _seconds(now.late_ms))
    table.add_row(
        "[dim]events", "[dim]batches", "[dim]batches", "[dim]records", "[dim]records", "[dim]files",
        "[dim]records", "[dim]events", "[dim]median",
    )  # fmt: skip
    state = "[bold red]● REC[/] in plain sight" if now.capturing else "[yellow]○ not capturing[/]"
    head = Text.from_markup(f"{state}   beacon {now.beacon}   {now.seconds_left} s left")
    return Panel(Group(head, "", table), title=f"overt demo · {source}", border_style="red")


def account(result: Account, found: Sequence[str]) -> RenderableType:
    """Return the account of each stage, and what does not close."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    offered = "?" if result.offered is None else f"{result.offered:,}"
    table.add_row("offered", offered, "[dim]events that were injected")
    table.add_row("captured", f"{result.captured:,}", "[dim]accepted at the listener")
    table.add_row("read", f"{result.read:,}", "[dim]distinct events at the subscriber, decrypted")
    for label, count in sorted(result.dropped.items()):
        name = "thinned" if label in THINNED else "dropped"
        table.add_row(name, f"{count:,}", f"[dim]{label}, as the data itself says")
    late = f"{_seconds(result.e2e_ms_p50)} p50, {_seconds(result.e2e_ms_p99)} p99"
    table.add_row("live", f"{result.live:,}", f"[dim]shown live; a key after {late}")
    table.add_row("lost", f"{result.lost:,}", "")
    table.add_row("duplicated", f"{result.duplicated:,}", "")
    parts = f"[dim]of {result.parts:,} are in {result.objects:,} objects"
    table.add_row("parts", f"{result.parts_in_objects:,}", parts)
    table.add_row("frames", f"{result.frames_read:,}", "[dim]rebuilt, each hash checked")
    table.add_row("sessions", f"{result.sessions:,}", f"[dim]in {result.segments:,} segments")
    for door, why in result.refused.items():
        table.add_row("refused", door, f"[dim]{why}")
    closes = "[green]the account closes[/]" if not found else "[red]" + "; ".join(found) + "[/]"
    foot = f"{closes}   ready in {result.ready_s:.1f} s, {result.pss_mb:.0f} MB for the whole stack"
    return Panel(Group(table, "", Text.from_markup(foot)), title="account", border_style="green")


def _seconds(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.2f} s"


def events(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the first events as the subscriber sees them."""
    table = Table(box=None, pad_edge=False)
    for name in ("time", "seq", "kind", "x", "y", "code", "text", "application"):
        table.add_column(name, header_style="bold")
    for row in rows:
        when = datetime.fromtimestamp(row["t_us"] / 1e6, UTC).strftime("%H:%M:%S.%f")[:-3]
        plain = (str(row[name]) for name in ("seq", "kind", "x", "y", "code"))
        table.add_row(when, *plain, escape(repr(row["text"])[1:-1]), escape(row["app"]))
    return Panel(table, title="the first events, decrypted under the grant", border_style="blue")
