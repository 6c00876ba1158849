"""How a long set-up tells what it is doing. The command line draws bars; a program stays silent."""

from typing import Protocol


class Progress(Protocol):
    """Told about stages and downloads; calls may come from several threads."""

    def stage(self, text: str) -> None:
        """A new stage has begun, such as ``starting kafka``."""
        ...

    def download(self, done_bytes: int, total_bytes: int) -> None:
        """So much of a download is here; the last call has both equal."""
        ...


class Silent:
    """Says nothing."""

    def stage(self, text: str) -> None:
        """Ignore the stage."""

    def download(self, done_bytes: int, total_bytes: int) -> None:
        """Ignore the download."""
