import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from overt_schemas import api
from overt_schemas.ids import Stream
from overt_subscriber.cli import run
from tests.subscriber.authority_twin import GRANT, PURPOSE, Twin
from tests.subscriber.sealing import Device, session

WORDS = ("he", "llo", "", "wor", "ld", "!")


def read(twin: Twin, *more: str, grant: str = GRANT) -> int:
    config = str(twin.config())
    return run(["read", "--config", config, "--grant", grant, "--purpose", PURPOSE, *more])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_lines_are_events_and_then_the_summary(
    twin: Twin, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.add(*session(Device(), WORDS))

    code = read(twin, "-o", "jsonl")

    *events, summary = lines(capsys)
    assert code == 0
    assert "".join(event["text"] for event in events) == "".join(WORDS)
    assert summary["read"] == len("".join(WORDS))
    assert (summary["complete"], summary["segments"], summary["parts"]) == (1, 6, 12)
    device, boot = bytes(range(16)).hex(), bytes(range(16, 32)).hex()
    assert summary["per_device"][device][boot] == {
        "events": 11, "thinned": 0, "last_seq": 10, "input_batches": 6, "frame_batches": 6,
    }  # fmt: skip


def test_events_bounds_what_is_printed_and_not_what_is_counted(
    twin: Twin, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.add(*session(Device(), WORDS))

    read(twin, "-o", "json", "--events", "2", "--text")

    (answer,) = lines(capsys)
    assert [event["seq"] for event in answer["events"]] == [0, 1]
    assert answer["read"] == 11
    assert [entry["text"] for entry in answer["text"]] == ["".join(WORDS)]


def test_a_table_shows_events_and_counts(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    twin.add(*session(Device(), WORDS))

    assert read(twin) == 0

    shown = capsys.readouterr().out
    assert "key_down" in shown
    assert "read under this grant" in shown


@pytest.mark.parametrize("code", [api.NO_GRANT, api.EXPIRED, api.PURPOSE])
def test_a_refusal_is_one_line_with_the_code_and_exit_4(
    twin: Twin, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    twin.refusal = code

    assert read(twin) == 4

    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert code in err


def test_refused_segments_alone_are_exit_4(twin: Twin, capsys: pytest.CaptureFixture[str]) -> None:
    twin.add(*session(Device(), WORDS))
    twin.refused_segments = api.NO_CONSENT

    assert read(twin, "-o", "json") == 4

    assert lines(capsys)[0]["refused"] == {api.NO_CONSENT: 12}


def test_a_red_session_is_a_finding(twin: Twin) -> None:
    parts = session(Device(), WORDS)
    twin.add(*parts[:4], *parts[5:])

    assert read(twin) == 3


def test_waiting_goes_on_until_the_session_is_complete(
    twin: Twin, capsys: pytest.CaptureFixture[str]
) -> None:
    *parts, last = session(Device(), WORDS)
    twin.add(*parts)

    def finish(twin: Twin) -> None:
        twin.after_list = None
        twin.add(last)

    twin.after_list = finish

    assert read(twin, "--wait-complete", "--timeout", "20", "-o", "json") == 0

    assert lines(capsys)[0]["complete"] == 1


def test_waiting_in_vain_ends_with_what_there_is_and_exit_5(
    twin: Twin, capsys: pytest.CaptureFixture[str]
) -> None:
    twin.add(*session(Device(), WORDS)[:4])

    assert read(twin, "--wait-complete", "--timeout", "0.2", "-o", "json") == 5

    summary = lines(capsys)[0]
    assert (summary["open"], summary["read"]) == (1, 5)


def test_a_tombstone_that_comes_later_lets_the_wait_end(twin: Twin) -> None:
    device = Device()
    parts = session(device, WORDS)
    twin.add(*parts[:6], *parts[7:])

    def explain(twin: Twin) -> None:
        twin.after_list = None
        twin.add(device.tombstone(Stream.INPUT, "cap", 3))

    twin.after_list = explain

    assert read(twin, "--wait-complete", "--timeout", "20") == 0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[authority]\nurl = 1", "url"),
        ("nonsense = 1\n", "nonsense"),
        ("[authority", "TOML"),
        ("", "authority"),
    ],
    ids=["kind", "unknown", "syntax", "missing"],
)
def test_broken_settings_are_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, word: str
) -> None:
    config = tmp_path / "sub.toml"
    config.write_text(text)

    arguments = ["read", "--config", str(config), "--grant", GRANT, "--purpose", PURPOSE]

    assert run(arguments) == 2

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert word in err


@pytest.mark.parametrize("arguments", [[], ["read"], ["read", "--bogus"], ["nothing"]])
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_dumps_no_core_writes_no_file_and_logs_no_content(
    twin: Twin, tmp_path: Path
) -> None:
    twin.add(*session(Device(), ("xyzzy", "plugh")))
    home = tmp_path / "home"
    home.mkdir()
    probe = (
        "import atexit, ctypes, resource, sys\n"
        "from overt_subscriber.cli import main\n"
        "atexit.register(lambda: print(ctypes.CDLL(None).prctl(3), "
        "resource.getrlimit(resource.RLIMIT_CORE), file=sys.stderr))\n"
        "main()\n"
    )
    arguments = ["read", "--config", str(twin.config()), "--grant", GRANT, "--purpose", PURPOSE]
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home)}

    done = subprocess.run(
        [sys.executable, "-B", "-c", probe, *arguments, "--verbose", "-o", "jsonl", "--text"],
        capture_output=True, text=True, cwd=home, env=environment, check=False, timeout=30,
    )  # fmt: skip

    assert done.returncode == 0
    assert "xyzzyplugh" in done.stdout
    assert done.stderr.splitlines()[-1] == "0 (0, 0)"
    assert "keys_released" in done.stderr
    assert not [word for word in ("xyzzy", "plugh", "keysym") if word in done.stderr]
    written = [p for p in home.rglob("*") if stat.S_ISREG(p.stat().st_mode)]
    assert written == []
