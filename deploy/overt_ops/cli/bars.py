"""Progress on a terminal: a line that says what happens, a bar while something downloads.

Everything goes to stderr, so that ``-o json`` and pipes stay clean; without a terminal each stage
is a plain line.
"""

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


class Bars:
    """The command line's ``Progress``; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._stages = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            console=self._console, transient=True,
        )  # fmt: skip
        self._stage = self._stages.add_task("preparing", total=None)
        self._downloads = Progress(
            TextColumn("  {task.description}"), BarColumn(), DownloadColumn(),
            TransferSpeedColumn(), console=self._console, transient=True,
        )  # fmt: skip
        self._download: TaskID | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._stages.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stages.stop()

    def stage(self, text: str) -> None:
        """Show what happens now."""
        if self._console.is_terminal:
            self._stages.update(self._stage, description=text)
        else:
            self._console.print(text, highlight=False)

    def download(self, done_bytes: int, total_bytes: int) -> None:
        """Show how far the download is."""
        if not self._console.is_terminal:
            return
        text = f"fetching Apache Kafka {done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB"
        self._stages.update(self._stage, description=text, completed=done_bytes, total=total_bytes)
