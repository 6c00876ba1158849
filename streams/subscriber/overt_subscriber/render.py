"""How events and the summary are printed: a table for people, JSON for programs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import groupby
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from overt_schemas.ids import SessionId
from overt_subscriber import text as typed
from overt_subscriber.report import Report
from overt_subscriber.values import Event, Item


class Output(Enum):
    """What stdout is for."""

    TABLE = "table"
    JSON = "json"  # one object: the summary, with `events` (and `text`) inside
    JSONL = "jsonl"  # a line an event, then the texts, then the summary as the last line


TABLE_EVENTS = 10  # a person wants to see some; --events says how many
JSON_EVENTS = 0  # one object must fit in memory


class Printer:
    """Prints what a subscription yields, as it comes where the output allows it."""

    def __init__(self, output: Output, out: TextIO, *, limit: int | None, text: bool) -> None:
        self._output, self._out = output, out
        self._limit = _limit(output, limit)
        self._printed = 0
        self._kept: list[Event] = []
        self._text: dict[SessionId, list[str]] | None = {} if text else None

    def item(self, item: Item) -> None:
        """Print or count one item."""
        if isinstance(item, Event):
            self._event(item)

    def _event(self, event: Event) -> None:
        if self._text is not None and (added := typed.typed(event)):
            self._text.setdefault(event.session, []).append(added)
        if self._limit is not None and self._printed >= self._limit:
            return
        self._printed += 1
        if self._output is Output.JSONL:
            self._line(event_json(event))
        else:
            self._kept.append(event)

    def summary(self, report: Report) -> None:
        """Print what is left and the summary."""
        summary = report.to_json()
        texts = [{"session": str(s), "text": "".join(t)} for s, t in (self._text or {}).items()]
        match self._output:
            case Output.JSONL:
                for entry in texts:
                    self._line(entry)
                self._line(summary)
            case Output.JSON:
                more: dict[str, Any] = {"events": [event_json(event) for event in self._kept]}
                if self._text is not None:
                    more["text"] = texts
                self._line({**summary, **more})
            case Output.TABLE:
                self._tables(summary, texts)

    def _line(self, value: dict[str, Any]) -> None:
        self._out.write(json.dumps(value, ensure_ascii=False) + "\n")
        self._out.flush()

    def _tables(self, summary: dict[str, Any], texts: list[dict[str, str]]) -> None:
        console = Console(file=self._out, highlight=False)
        for table in _events(self._kept):
            console.print(table)
        for entry in texts:
            typed_text = escape(plain(entry["text"], "\n\t"))
            console.print(f"[bold]{entry['session']}[/] {typed_text}")
        rows = ((k, plain(_short(v))) for k, v in summary.items() if k != "per_device")
        console.print(_pairs("read under this grant", rows))


def event_json(event: Event) -> dict[str, Any]:
    """Return an event as an object of a JSON line."""
    return {
        "session": str(event.session), "seq": event.seq, "t_us": event.t_us,
        "kind": event.kind.name.lower(), "x": event.x, "y": event.y, "code": event.code,
        "state": event.state, "keysym": event.keysym, "flags": event.flags, "app": event.app,
        "title": event.title, "text": typed.typed(event),
    }  # fmt: skip


def _limit(output: Output, limit: int | None) -> int | None:
    if limit is not None or output is Output.JSONL:
        return limit
    return TABLE_EVENTS if output is Output.TABLE else JSON_EVENTS


def _events(events: Sequence[Event]) -> Iterator[Table]:
    """Yield a table a session: its name would not fit beside the rest on 80 columns."""
    for session, some in groupby(events, key=lambda event: event.session):
        table = Table("seq", "time (UTC)", "kind", "x", "y", "code", "text", "app")
        table.title = f"session {session}"
        for event in some:
            shown = typed.typed(event)
            table.add_row(
                str(event.seq), time_of(event.t_us), event.kind.name.lower(), str(event.x),
                str(event.y), str(event.code), escape(repr(shown)) if shown else "",
                escape(plain(event.app)),
            )  # fmt: skip
        yield table


def plain(captured: str, kept: str = "") -> str:
    """Return captured text without what would command the terminal."""
    return "".join(
        sign if sign.isprintable() or sign in kept else "\N{REPLACEMENT CHARACTER}"
        for sign in captured
    )


def time_of(t_us: int) -> str:
    """Return the time of day of an event, or a question mark."""
    try:
        return f"{datetime.fromtimestamp(t_us / 1e6, UTC):%H:%M:%S.%f}"
    except (ValueError, OverflowError, OSError):  # a device may claim any 64-bit time
        return "?"


def _pairs(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table("what", "count", title=title)
    for name, value in rows:
        table.add_row(name.replace("_", " "), escape(value))
    return table


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "-"
    return str(value)
