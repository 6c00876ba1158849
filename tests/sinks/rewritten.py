"""A settings file of the stack, written over again with changes, for a process of a test's own."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w


def rewritten(source: Path, own: Path, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write ``source`` with changes by table into the new folder ``own``; return where."""
    document = tomllib.loads(source.read_text())
    own.mkdir(mode=0o700, parents=True)
    document["state_dir"] = str(own / "state")
    for table, values in changes.items():
        document[table] = document.get(table, {}) | dict(values)
    path = own / "settings.toml"
    path.touch(mode=0o600)
    path.write_bytes(tomli_w.dumps(document).encode())
    return path
