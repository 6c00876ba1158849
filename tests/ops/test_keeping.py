"""A command of the sinks runs as a process: its progress, result, error and code come through."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from overt_ops.devstack import products
from overt_ops.keeping import process, view
from overt_ops.keeping.process import Step


def program(folder: Path, body: str) -> Path:
    """A program that does what ``body`` says, in the place of overt-sink."""
    path = folder / "overt-sink"
    path.write_text(f"#!{sys.executable}\nimport json, sys\n{textwrap.dedent(body)}")
    path.chmod(0o700)
    return path


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(products, "program", lambda _name: tmp_path / "overt-sink")
    return tmp_path


def run(words: list[str]) -> tuple[process.Ended, list[Step]]:
    told: list[Step] = []
    return process.run(words, Path("settings.toml"), told.append), told


def test_it_is_started_with_its_words_and_its_settings(fake: Path) -> None:
    program(fake, "print(json.dumps(sys.argv[1:]))")

    ended, _ = run(["verify", "--quick"])

    assert ended.text == '["verify", "--quick", "--config", "settings.toml"]'


def test_progress_the_result_and_the_error_are_told_apart(fake: Path) -> None:
    program(
        fake,
        """
        e = sys.stderr.write
        e('{"done":1,"total":2,"unit":"objects","what":"verify"}\\n')
        e('{"event":"kafka_client_said","level":"warning"}\\n')
        e('overt-sink: not proved: Kafka does not answer\\n')
        print('{"clean": false}')
        sys.exit(5)
        """,
    )

    ended, told = run(["verify"])

    assert told == [Step(what="verify", unit="objects", done=1, total=2)]
    assert ended.said == ("not proved: Kafka does not answer",)
    assert (ended.code, ended.document) == (5, {"clean": False})


def test_one_that_ends_without_a_result_has_none(fake: Path) -> None:
    program(fake, "sys.stderr.write('overt-sink: the store refuses this identity\\n'); sys.exit(4)")

    ended, _ = run(["move"])

    assert (ended.code, ended.document, ended.text) == (4, {}, "")


@pytest.mark.parametrize(("code", "said"), [(1, ("ImportError: no sqlalchemy",)), (130, ())])
def test_one_that_fell_at_its_start_is_told_in_one_line(
    fake: Path, code: int, said: tuple[str, ...]
) -> None:
    program(
        fake, f"sys.stderr.write('Traceback\\nImportError: no sqlalchemy\\n'); sys.exit({code})"
    )

    ended, _ = run(["verify"])

    assert (ended.code, ended.said) == (code, said)


def test_one_that_was_killed_is_a_failure_in_one_line(fake: Path) -> None:
    program(fake, "import os; os.kill(os.getpid(), 9)")

    ended, _ = run(["verify"])

    assert (ended.code, len(ended.said)) == (1, 1)
    assert "was killed (SIGKILL): start it again" in ended.said[0]


def test_an_interruption_is_passed_on_and_waited_for(fake: Path, tmp_path: Path) -> None:
    program(
        fake,
        f"""
        import pathlib, time
        pathlib.Path({str(tmp_path / "up")!r}).touch()
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            sys.stderr.write("overt-sink: interrupted: start it again\\n")
            pathlib.Path({str(tmp_path / "ended")!r}).touch()
            sys.exit(130)
        """,
    )
    caller = (
        "import sys; from pathlib import Path; from overt_ops.devstack import products;"
        "from overt_ops.keeping import process;"
        "products.program = lambda name: Path(sys.argv[1]);"
        "ended = process.run(['move'], Path('s'), print);"
        "print(ended.code, *ended.said)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", caller, str(fake / "overt-sink")], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "up").exists():
        assert time.monotonic() < deadline, "the program did not start"
        time.sleep(0.01)

    os.kill(child.pid, signal.SIGINT)
    said, _ = child.communicate(timeout=20)

    assert said.strip() == "130 interrupted: start it again"
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_are_written_as_people_read_them(count: int, text: str) -> None:
    assert view.size(count) == text
