"""Progress on a terminal: a line that says what happens, a bar while something downloads.

Everything goes to stderr, so that ``-o json`` and pipes stay clean; without a terminal each stage
is a plain line.
"""

import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
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

    def _show(self, total: int | None) -> None:
        columns = _SPINNING if total is None else _LOADING
        self._shown = Progress(*columns, console=self._console, transient=True)
        self._task = self._shown.add_task(self._stage, total=total)
        self._shown.start()

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown.stop()
            self._shown = None
