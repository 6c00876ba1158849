"""The operator's commands where there is nothing to talk to: one line, and what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLI = Path(sys.executable).parent / "stream-ops"


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
