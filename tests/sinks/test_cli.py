"""The command line: one line for each failure, and the code of the product's table."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import typer
from typer.testing import CliRunner

from overt_schemas.errors import Malformed, OvertError, Permanent, Refused, Transient
from overt_sinks.commands import every
from overt_sinks.commands.ending import exit_code, told
from overt_sinks.commands.progress import progress
from tests.sinks.test_settings import GOOD, write


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("x", reason="settings"), 2),
        (Refused("x", reason="store_refused"), 4),
        (Refused("x", reason="kafka_refused"), 4),
        (Refused("x", reason="create_only"), 3),
        (Refused("x", reason="side_door"), 3),
        (Malformed("x", reason="object_hash"), 3),
        (Refused("x", reason="no_offset"), 5),
        (Transient("x", reason="kafka"), 1),
    ],
    ids=lambda value: value.reason if isinstance(value, OvertError) else str(value),
)
def test_each_failure_has_its_code(error: OvertError, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Transient("the index does not answer", reason="index"), "does not answer: look whether"),
        (Refused("the store refuses this identity", reason="store_refused"), "identity: see"),
        (Refused("x: give it another", reason="store_refused"), "x: give it another\n"),
        (Permanent("the index refuses the statement", reason="index"), "refuses the statement: "),
    ],
)
def test_a_line_says_what_to_do_next(
    error: OvertError, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit), told():
        raise error

    assert line in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "verify"])
def test_settings_that_are_wrong_are_one_line_and_usage(tmp_path: Path, command: str) -> None:
    config = write(tmp_path, f"{GOOD}surprise = 1\n")

    done = CliRunner().invoke(every.app, [command, "--config", str(config)])

    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("overt-sink: settings.toml: index.surprise: ")


def test_a_fault_of_our_own_is_told_by_its_place_and_shows_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_config: object) -> None:
        secret = "captured"
        raise ZeroDivisionError(secret)

    monkeypatch.setattr("overt_sinks.app.run", broken)

    done = CliRunner().invoke(every.app, ["run", "--config", str(write(tmp_path, GOOD))])

    assert done.exit_code == 1
    assert "captured" not in done.output
    assert "sink_broke" in done.output


def test_progress_is_a_json_line_on_stderr_and_always_tells_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell = progress("verify", "objects", wanted=True)

    for done in range(1001):
        tell(done, 1000)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[-1] == {"done": 1000, "total": 1000, "unit": "objects", "what": "verify"}
    assert len(lines) < 100


# An interruption that comes while the first module of the commands is loaded.
_INTERRUPTED_EARLY = """
import sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
"""
_MAIN = "from overt_sinks.cli import main; main()"


def program(code: str, *words: str) -> tuple[int, list[str]]:
    argv = [sys.executable, "-c", code, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stderr.splitlines()


def test_an_interruption_before_anything_is_loaded_is_one_line() -> None:
    code, said = program(_INTERRUPTED_EARLY + _MAIN, "verify")

    assert code == 130
    assert said == ["overt-sink: interrupted: start it again, it goes on where it was"]


@pytest.mark.parametrize("url", ["index.db", "postgresql+none://u:hidden@host/db"])
def test_an_index_that_cannot_be_one_is_one_line_and_usage(tmp_path: Path, url: str) -> None:
    config = write(tmp_path, GOOD.replace("sqlite:////index.db", url))

    code, said = program(_MAIN, "tiers", "--config", str(config))

    assert code == 2
    assert len(said) == 1
    assert said[0].startswith("overt-sink: index.url is ")
    assert "hidden" not in said[0]


def test_what_a_command_logs_is_not_in_its_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/index.db"
    config = write(tmp_path, GOOD.replace("sqlite:////index.db", url))
    words = ["index", "upgrade", "--config", str(config), "-o", "json"]

    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *words], capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == {"from": "", "to": "0002"}
    assert json.loads(done.stderr)["event"] == "index_upgraded"


def test_an_output_that_is_none_is_usage(tmp_path: Path) -> None:
    code, said = program(_MAIN, "tiers", "--config", str(tmp_path), "-o", "yaml")

    assert code == 2
    assert said == ["overt-sink: Invalid value for -o: text or json Try --help."]


def test_words_that_are_no_command_are_one_line() -> None:
    code, said = program(_MAIN, "verify", "--confg", "x")

    assert code == 2
    assert len(said) == 1
    assert said[0].startswith("overt-sink: No such option: --confg")
    assert said[0].endswith("Try --help.")
