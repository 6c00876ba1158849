"""Progress is a picture on a terminal and plain lines elsewhere."""

import io

from rich.console import Console

from overt_ops.cli.bars import Bars


def told(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with Bars(console) as bars:
        bars.stage("fetching Apache Kafka")
        bars.download(10_000_000, 45_000_000)
        bars.download(45_000_000, 45_000_000)
        bars.stage("starting kafka")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_each_stage_is_a_line() -> None:
    assert told(terminal=False) == "fetching Apache Kafka\nstarting kafka\n"


def test_on_a_terminal_a_download_shows_how_far_it_is() -> None:
    shown = told(terminal=True)

    assert "45.0/45.0 MB" in shown
    assert "starting kafka" in shown
