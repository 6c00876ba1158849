"""What cannot be undone is asked first, and a no is told as one."""

import io
import sys

import pytest

from overt_ops import cli
from overt_ops.keeping import process


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_a_no_erases_nothing_and_is_no_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stream-ops", "tier", "erase-day", "p-1", "2026-11-24"])
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(process, "run", lambda *_: pytest.fail("it was started"))

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "stream-ops: nothing was erased: the answer was no"
    )
