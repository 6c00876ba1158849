"""The operator's commands where there is nothing to talk to: one line, and what to do."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from overt_ops import cli
from overt_ops.cli import dlq
from overt_ops.dlq.letters import REDRIVEN, Book, Place
from overt_schemas.records import DeadLetter, Verdict
from overt_schemas.topics import INPUT

CLI = Path(sys.executable).parent / "stream-ops"
LETTER = DeadLetter(
    topic=INPUT, partition=1, offset=9, key=bytes(16), value=b"sealed", reason="unknown_device",
    at_ms=5, processor="sign-1",
)  # fmt: skip


def run(state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(CLI), *words], capture_output=True, text=True, check=False, timeout=30,
        env={"PATH": "/usr/bin:/bin", "OVERT_STATE": str(state), "HOME": str(state)},
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    ["dlq list", "dlq show 0:1", "dlq redrive 0:1", "dlq discard --all", "pipeline show",
     "pipeline lag", "pipeline drain", "pipeline restart all", "replay plan --since 2h"],
)  # fmt: skip
def test_without_a_stack_each_says_how_to_start_one(tmp_path: Path, words: str) -> None:
    done = run(tmp_path, *words.split())

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "stream-ops dev up" in done.stderr


@pytest.mark.parametrize("words", ["replay start", "replay status"])
def test_without_a_plan_each_says_how_to_make_one(tmp_path: Path, words: str) -> None:
    done = run(tmp_path, *words.split())

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "stream-ops replay plan" in done.stderr


@pytest.mark.parametrize(
    "text", ["", "kafka = 7", "[kafka]\nbootstrap = 'x'", "[[", "\x00"],
    ids=["empty", "no table", "half", "no TOML", "no text"],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.toml").write_text(text)

    done = run(tmp_path, "dlq", "list", "--config", str(tmp_path / "own.toml"))

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "own.toml" in done.stderr


@pytest.mark.parametrize("words", ["dlq list", "pipeline lag", "replay plan --since 2h"])
@pytest.mark.parametrize("ca", ["no certificate", None], ids=["no PEM", "not there"])
def test_a_ca_that_is_none_is_one_line(tmp_path: Path, words: str, ca: str | None) -> None:
    (tmp_path / "password").write_text("secret")
    if ca is not None:
        (tmp_path / "ca.pem").write_text(ca)
    (tmp_path / "own.toml").write_text(
        f"[kafka]\nbootstrap = '127.0.0.1:1'\nca = '{tmp_path}/ca.pem'\nusername = 'operator'\n"
        f"password_file = '{tmp_path}/password'\n"
    )

    done = run(tmp_path, *words.split(), "--config", str(tmp_path / "own.toml"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "ca.pem" in done.stderr


def test_an_error_that_nobody_foresaw_is_one_line_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise LookupError("what was captured")

    monkeypatch.setattr(cli, "app", fail)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    err = capsys.readouterr().err
    assert ended.value.code == 1
    assert err.count("\n") == 1
    assert "LookupError" in err
    assert "captured" not in err


@pytest.mark.parametrize(
    "words",
    ["dlq list -o xml", "dlq bogus", "bogus", "replay plan --partition x", "dlq show", "dlq --x",
     "pipeline lag --stall-after 0s"],
)  # fmt: skip
def test_wrong_words_are_one_line_that_names_help_and_exit_2(tmp_path: Path, words: str) -> None:
    done = run(tmp_path, *words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("stream-ops: ")


def test_a_noun_alone_shows_its_help(tmp_path: Path) -> None:
    done = run(tmp_path, "dlq")

    assert done.returncode == 2
    assert "redrive" in done.stdout + done.stderr


def test_explain_needs_no_stack_and_knows_every_code(tmp_path: Path) -> None:
    listed = run(tmp_path, "dlq", "explain", "-o", "json")
    one = run(tmp_path, "dlq", "explain", "after_pause")

    assert {"reason", "meaning", "do", "redrive"} == set(json.loads(listed.stdout)[0])
    assert "after_pause: Captured after a pause began." in one.stdout


@pytest.mark.parametrize("noun", ["dlq", "pipeline", "replay"])
def test_help_of_every_verb_says_what_it_does(tmp_path: Path, noun: str) -> None:
    verbs = {
        "dlq": ("list", "show", "explain", "redrive", "discard"),
        "pipeline": ("show", "lag", "drain", "restart"),
        "replay": ("plan", "start", "status"),
    }[noun]

    assert all(verb in run(tmp_path, noun, "--help").stdout for verb in verbs)
    for verb in verbs:
        assert run(tmp_path, noun, verb, "--help").returncode == 0


class Written:
    """The topic of dead letters, from memory: a copy of a letter whose verdict names the first."""

    def book(self, told: object) -> Book:
        now_ms, made = time.time_ns() // 1_000_000, Book()
        first = Place(partition=0, offset=0)
        records: list[tuple[int, DeadLetter | Verdict]] = [
            (now_ms - 3_600_000, LETTER),
            (now_ms - 60_000, LETTER),
            (now_ms - 30_000, Verdict(
                partition=0, offset=0, verdict=REDRIVEN, actor="redrive", at_ms=1,
                topic=LETTER.topic, to_offset=7,
            )),
        ]  # fmt: skip
        for offset, (append_ms, record) in enumerate(records):
            made.take(replace(first, offset=offset), append_ms, record)
        return made


def test_a_copy_whose_verdict_names_an_older_letter_is_decided_also_with_since(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def letters(*_: object) -> Iterator[tuple[None, Written]]:
        yield None, Written()

    monkeypatch.setattr(dlq, "_letters", letters)

    dlq.list_(since="15m", output="json")
    dlq.redrive(since="15m", output="json")

    listed, meant = map(json.loads, capsys.readouterr().out.splitlines())
    assert [row["verdict"] for row in listed["letters"]] == [REDRIVEN]
    assert meant["decided_before"] == ["0:1"]
