"""Progress on a terminal: a line that says what happens, a bar while something is counted.

Everything goes to stderr, so that ``-o json`` and pipes stay clean; without a terminal each stage
is a plain line.
"""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_SPINNING = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
_LOADING = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
)
_COUNTING = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("{task.fields[unit]}"),
    TimeRemainingColumn(compact=True),
)


class Bars:
    """The command line's ``Progress``; a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._stage = "preparing"
        self._shown: Progress | None = None
        self._task = TaskID(0)
        self._lock = threading.Lock()  # downloads report from several threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._hide()

    def stage(self, text: str) -> None:
        """Show what happens now."""
        with self._lock:
            self._stage = text
            if not self._console.is_terminal:
                self._console.print(text)
                return
            self._hide()
            self._show(None)

    def download(self, done_bytes: int, total_bytes: int) -> None:
        """Show how far the stage's download is."""
        if not self._console.is_terminal:
            return
        with self._lock:
            if self._shown is None or self._shown.tasks[0].total is None:
                self._hide()
                self._show(total_bytes)
            if self._shown is not None:
                self._shown.update(self._task, completed=done_bytes)

    def count(self, what: str, done: int, total: int, unit: str) -> None:
        """Show how far something is that is counted; a new ``what`` is a new bar."""
        if not self._console.is_terminal:
            return
        with self._lock:
            if self._shown is None or self._stage != what or self._shown.tasks[0].total is None:
                self._hide()
                self._stage = what
                self._show(total, _COUNTING, unit)
            if self._shown is not None:
                self._shown.update(self._task, completed=done, total=total)

    def _show(
        self, total: int | None, columns: Sequence[ProgressColumn] = _LOADING, unit: str = ""
    ) -> None:
        chosen = _SPINNING if total is None else columns
        self._shown = Progress(*chosen, console=self._console, transient=True)
        self._task = self._shown.add_task(self._stage, total=total, unit=unit)
        self._shown.start()

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None
