"""How `overt-sub tail` shows events as they come: a line each, with how long it took to get here.

On a terminal a table that grows; otherwise a JSON line an event and the summary as the last one.
"""

import json
from collections.abc import Callable
from typing import TextIO

from overt_subscriber import text as typed
from overt_subscriber.render import event_json, plain, time_of
from overt_subscriber.report import Report
from overt_subscriber.values import Event, Item

_COLUMNS = (
    ("time (UTC)", 15), ("latency", 9), ("session", 19), ("kind", 12), ("code", 5), ("text", 8),
    ("app", 20),
)  # fmt: skip


class Tail:
    """Prints events; ``shown`` says how many. ``now_us`` is the wall clock in Unix microseconds."""

    def __init__(
        self, out: TextIO, now_us: Callable[[], int], *, table: bool, limit: int | None,
        since_us: int | None,
    ) -> None:  # fmt: skip
        self._out, self._now_us, self._table = out, now_us, table
        self._limit, self._since_us = limit, since_us
        self.shown = 0
        if table:
            self._write("  ".join(name.ljust(width) for name, width in _COLUMNS).rstrip())

    @property
    def is_full(self) -> bool:
        """Whether all events that were asked for have been shown."""
        return self._limit is not None and self.shown >= self._limit

    def item(self, item: Item) -> None:
        """Print an event; other items only count in the summary."""
        if not isinstance(item, Event) or self.is_full:
            return
        if self._since_us is not None and item.t_us < self._since_us:
            return
        self.shown += 1
        latency_ms = max(0, (self._now_us() - item.t_us) // 1000)
        if self._table:
            self._write(_row(item, latency_ms))
        else:
            self._write(json.dumps(event_json(item) | {"latency_ms": latency_ms}))

    def summary(self, report: Report) -> None:
        """Print what was read, as one line."""
        summary = report.to_json()
        if not self._table:
            self._write(json.dumps(summary))
            return
        names = ("read", "frames_read", "sessions", "complete", "cut", "open", "red", "lost")
        self._write(", ".join(f"{name.replace('_', ' ')} {summary[name]}" for name in names))

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _row(event: Event, latency_ms: int) -> str:
    shown = typed.typed(event)
    cells = (
        time_of(event.t_us), f"{latency_ms / 1000:.2f} s", str(event.session),
        event.kind.name.lower(), str(event.code), repr(shown) if shown else "", plain(event.app),
    )  # fmt: skip
    pairs = zip(cells, _COLUMNS, strict=True)
    return "  ".join(cell.ljust(width) for cell, (_, width) in pairs).rstrip()
