"""Writing files that hold secrets: 0600 from the first byte, whole or not at all."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path


def private_dir(path: Path) -> Path:
    """Create ``path`` and its parents; ``path`` itself is 0700 afterwards."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, content: str | bytes) -> Path:
    """Replace ``path`` by ``content`` in one step, mode 0600; parents are created 0700."""
    data = content.encode() if isinstance(content, str) else content
    if not path.parent.is_dir():
        private_dir(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
    return path


def ensure_password(path: Path) -> str:
    """Return the password kept in ``path``, made at first use: 32 random bytes."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()


Scalar = str | int | float | bool


def toml(values: Mapping[str, Scalar], tables: Mapping[str, Mapping[str, Scalar]]) -> str:
    """Return a TOML document of top-level ``values`` and one level of ``tables``."""
    lines = [f"{key} = {_scalar(value)}" for key, value in values.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {_scalar(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _scalar(value: Scalar) -> str:
    # A JSON string is a TOML basic string, but for DEL; surrogate pairs are not TOML, so no \u.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
