"""The table of checks is complete, and each check is missed by its test when it is gone."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import overt_processors
from tests.processors.checks import TABLE
from tests.processors.checks.check import Check

PACKAGE = Path(overt_processors.__file__).parent
CORE, HERE = PACKAGE / "core", Path(__file__).parent
# Calls that stand for themselves and check, or forget what may not be kept.
CALLS = {
    "check", "check_period", "clear", "in_range", "person_of", "pop", "seals_for",
    "verify_tombstone", "_age", "_policy",
}  # fmt: skip
# Choices that are no checks: whichever way they go, nothing passes that would not.
PLAIN = {
    "activity": ("if not len(events):", "if frame.chunk == 0:", "if not times:"),
    "admission": ("if span is not None:", "if following else None"),
    "opening": ("if known is not None:", "if head.stream is Stream.INPUT:"),
    "pictures": ("if op.kind == _COPY:", "if op.kind == _DRAW:"),
    "refine": ("if isinstance(batch, FrameBatch):", "if batch is content.batch:"),
    "registry": ("if self._beacons else", "if self._grants else"),
    "sealing": (),
}
ROWS = {
    f"{name}-{number}": (name, check)
    for name, rows in TABLE.items() for number, check in enumerate(rows)
}  # fmt: skip
# One of each file in every run; the rest takes minutes.
FIRST = [f"{name}-0" for name in TABLE]


def text(name: str) -> str:
    return (CORE / f"{name}.py").read_text("utf-8")


def places(name: str, lines: Iterator[str] | list[str] | tuple[str, ...]) -> set[int]:
    """Return the numbers of the lines that these texts of a file stand on."""
    whole, found = text(name), set()
    for line in lines:
        first = whole.count("\n", 0, whole.index(line)) + 1
        found |= set(range(first, first + line.rstrip("\n").count("\n") + 1))
    return found


def checks(name: str) -> Iterator[tuple[int, int]]:
    """Yield where something is decided: an `if`, a choice, or a call that only checks."""
    for node in ast.walk(ast.parse(text(name))):
        if isinstance(node, ast.If | ast.IfExp):
            yield node.test.lineno, node.test.end_lineno or node.test.lineno
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value.func
            called = call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")
            if called in CALLS:
                yield node.lineno, node.end_lineno or node.lineno


def test_every_file_of_the_core_that_refine_runs_is_in_the_table() -> None:
    modules = {path.stem for path in CORE.glob("*.py")}

    assert modules - {"__init__", "outcome", "feed", "lanes"} == set(TABLE) == set(PLAIN)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_one_text_and_a_test_that_stands(row: str) -> None:
    name, check = ROWS[row]
    file, _, test = check.test.partition("::")

    assert text(name).count(check.line) == 1
    assert check.line != check.without
    assert f"\ndef {test}(" in (HERE / f"{file}.py").read_text("utf-8")


@pytest.mark.parametrize("name", TABLE)
def test_every_check_has_a_row(name: str) -> None:
    covered = places(name, [c.line for c in TABLE[name]]) | places(name, PLAIN[name])

    missing = [span for span in checks(name) if not covered & set(range(span[0], span[1] + 1))]

    assert missing == []


def run(package: Path, tests: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run tests against a copy of the package."""
    env = {**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        command, cwd=HERE.parent.parent, env=env, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def path_of(check: Check) -> str:
    file, _, test = check.test.partition("::")
    return f"tests/processors/{file}.py::{test}"


def copy(folder: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, folder / "overt_processors"))


def is_missed(row: str, folder: Path) -> bool:
    """Whether the named test fails once the check is gone."""
    name, check = ROWS[row]
    package = copy(folder)
    target = package / "core" / f"{name}.py"
    target.write_text(text(name).replace(check.line, check.without), "utf-8")
    compile(target.read_text("utf-8"), str(target), "exec")
    done = run(package, [path_of(check)])
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return "FAILED" in done.stdout


@pytest.mark.timeout(150)
@pytest.mark.parametrize("row", FIRST)
def test_without_one_check_of_each_file_a_test_fails(row: str, tmp_path: Path) -> None:
    assert is_missed(row, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_named_tests_pass_on_an_unchanged_copy(tmp_path: Path) -> None:
    done = run(copy(tmp_path), sorted({path_of(check) for _, check in ROWS.values()}))

    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.timeout(150)
@pytest.mark.parametrize("row", ROWS)
def test_without_its_check_a_test_fails(row: str, tmp_path: Path) -> None:
    assert is_missed(row, tmp_path)
