"""The table of checks is complete, and each check is missed by its test when it is gone."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import overt_schemas
from tests.schemas.guards import GUARDS, Guard

PACKAGE = Path(overt_schemas.__file__).parent
HERE = Path(__file__).parent
FILES = sorted({*(f"envelope/{p.name}" for p in (PACKAGE / "envelope").glob("*.py")), "signing.py"})


def _checks(file: str) -> Iterator[tuple[int, int]]:
    """Where a check stands: an `if` that only raises, or a call of `verify` or `period_of`."""
    for node in ast.walk(ast.parse((PACKAGE / file).read_text("utf-8"))):
        if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
            yield node.lineno, node.test.end_lineno or node.lineno
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = node.value.func
            if isinstance(name, ast.Name) and name.id in {"verify", "period_of"}:
                yield node.lineno, node.end_lineno or node.lineno


@pytest.mark.parametrize("guard", GUARDS, ids=lambda g: f"{g.line[:60].strip()}>{g.without[:40]}")
def test_a_row_names_one_line_and_a_test_that_stands(guard: Guard) -> None:
    file, _, test = guard.test.partition("::")

    assert (PACKAGE / guard.file).read_text("utf-8").count(guard.line) == 1
    assert f"\ndef {test}(" in (HERE / file).read_text("utf-8")


@pytest.mark.parametrize("file", FILES)
def test_every_check_has_a_row(file: str) -> None:
    text = (PACKAGE / file).read_text("utf-8")
    spans = [text.index(g.line) for g in GUARDS if g.file == file]
    covered = {
        text.count("\n", 0, at) + 1 + extra
        for at, g in zip(spans, (g for g in GUARDS if g.file == file), strict=True)
        for extra in range(g.line.count("\n") + 1)
    }

    missing = [span for span in _checks(file) if not covered & set(range(span[0], span[1] + 1))]

    assert missing == []


def _run(package: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """Run tests against a copy of the contract."""
    env = {**os.environ, "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    root = HERE.parent.parent
    return subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def _copy(folder: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, folder / "overt_schemas"))


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_named_tests_pass_on_an_unchanged_copy(tmp_path: Path) -> None:
    done = _run(_copy(tmp_path), sorted({f"tests/schemas/{g.test}" for g in GUARDS}))

    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.timeout(150)
@pytest.mark.parametrize("guard", GUARDS, ids=lambda g: f"{g.line[:60].strip()}>{g.without[:40]}")
def test_without_its_check_a_test_fails(guard: Guard, tmp_path: Path) -> None:
    package = _copy(tmp_path)
    target = package / guard.file
    target.write_text(target.read_text("utf-8").replace(guard.line, guard.without), "utf-8")
    compile(target.read_text("utf-8"), str(target), "exec")

    done = _run(package, [f"tests/schemas/{guard.test}"])

    assert done.returncode == 1, done.stdout
    assert "FAILED" in done.stdout, done.stdout
