"""Fetches programs through the ordinary clients of their registries, into the user's cache."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from overt_ops.devstack.layout import cache_dir

# Compiling a gateway on two busy cores, once.
_PATIENCE_S = 900
# Where a distribution of Go stands that is on nobody's PATH.
_GO = ("go", "/usr/local/go/bin/go")


class Lacking(Exception):
    """This machine lacks a tool; the message is the line for the summary."""


def go_tool() -> str:
    """Return the Go tool."""
    found = next(filter(None, map(shutil.which, _GO)), None)
    if found is None:
        raise Lacking("no go on this machine: apt install golang")
    return found


def npm_tool() -> str:
    """Return npm, where node is there to run what it installs."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise Lacking("no npm and node on this machine: apt install npm")
    return npm


def go_program(module: str, version: str) -> Path:
    """Return a Go program, built once; the checksum database vouches for its source."""
    go = go_tool()
    name = module.rsplit("/", 1)[-1]
    home = cache_dir() / "stores" / f"{name}-{version}"
    with _made_once(home) as fresh:
        if fresh is not None:
            env = {**os.environ, "GOBIN": str(fresh), "GOFLAGS": "-mod=mod"}
            _run([go, "install", f"{module}@{version}"], env, fresh)
    return home / name


def node_program(lock: Path, program: str) -> Path:
    """Return a script of a locked npm tree, whose packages npm holds to the lock's hashes.

    Lines of the lock are ``path version integrity``; no registry stands in it.
    """
    npm = npm_tool()
    home = cache_dir() / "stores" / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()}"
    with _made_once(home) as fresh:
        if fresh is not None:
            tree = _tree(lock.read_text().splitlines())
            root = {"dependencies": tree["packages"][""]["dependencies"]}
            (fresh / "package.json").write_text(json.dumps(root))
            (fresh / "package-lock.json").write_text(json.dumps(tree))
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
            _run([npm, "ci", *quiet], dict(os.environ), fresh)
    return home / "node_modules" / program


def _tree(lines: list[str]) -> dict[str, Any]:
    """Return npm's own lock: every package depends on those that lie below it."""
    packages: dict[str, dict[str, Any]] = {"": {}}
    below: dict[str, dict[str, str]] = defaultdict(dict)
    for line in lines:
        path, version, integrity = line.split()
        parent, _, name = f"/{path}".rpartition("/node_modules/")
        below[parent.lstrip("/")][name.lstrip("/")] = version
        packages[f"node_modules/{path}"] = {"version": version, "integrity": integrity}
    for path, names in below.items():
        packages[f"node_modules/{path}" if path else ""]["dependencies"] = names
    return {"name": "stores", "lockfileVersion": 3, "requires": True, "packages": packages}


@contextmanager
def _made_once(home: Path) -> Iterator[Path | None]:
    """Yield a folder to fill that becomes ``home`` when it is whole; None where that stands."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if home.exists():
            yield None
            return
        fresh = home.with_name(f"{home.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        yield fresh
        fresh.rename(home)


def _run(command: list[str], env: dict[str, str], where: Path) -> None:
    done = subprocess.run(
        command, env=env, cwd=where, capture_output=True, text=True, timeout=_PATIENCE_S,
        check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise RuntimeError(f"{Path(command[0]).name} {command[1]} failed: {last}")
