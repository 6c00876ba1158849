"""What the reconciler is told, in a TOML file that names the files of its secrets.

::

state_dir = "..."                                     where `ready` stands while it serves
[kafka]      bootstrap, ca, username, password_file   as the principal `reconcile`
[authority]  root_key                                 the pinned root: whom to believe
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from overt_ops.pipeline import doors
from overt_schemas.errors import Permanent

_ROOT_BYTES = 32
_PRIVATE = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it."""

    door: doors.Door
    root: bytes
    ready: Path


def load(path: Path) -> Settings:
    """Return the settings in a file.

    Raises:
        Permanent: not there, readable by others, or something is missing in it.
    """
    door = doors.load(path)
    if path.stat().st_mode & _PRIVATE:
        raise Permanent(f"{path} can be read by others: chmod 600 it", reason="usage")
    tables = tomllib.loads(path.read_text())
    try:
        state, key = Path(tables["state_dir"]), Path(tables["authority"]["root_key"])
        root = bytes.fromhex(key.read_text().strip())
    except OSError as exc:
        raise Permanent(f"cannot read {exc.filename}: {exc.strerror}", reason="usage") from exc
    except (KeyError, TypeError) as exc:
        raise Permanent(f"{path} lacks or garbles {exc}", reason="usage") from exc
    except ValueError:
        root = b""
    if len(root) != _ROOT_BYTES:
        raise Permanent(
            f"{key} does not hold an Ed25519 public key in hex: copy the root key there",
            reason="usage",
        )
    return Settings(door=door, root=root, ready=state / "ready")
