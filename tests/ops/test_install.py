"""An endpoint's and a reader's install hold their room and the contract, and need no compiler.

Installed for real from the exported lock, hashes required, with a PATH that has no compiler.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "overt_producer", "overt_processors", "overt_sinks", "overt_authority", "overt_subscriber",
    "overt_ops",
}  # fmt: skip
# What must never lie on a laptop, or at a reader's, because it belongs to another room.
FOREIGN = {
    "overt-producer": {"faust_streaming", "aiokafka", "obstore", "sqlalchemy", "starlette"},
    "overt-subscriber": {"faust_streaming", "aiokafka", "pynput", "mss", "sqlalchemy", "starlette"},
}
PROGRAM = {"overt-producer": "overtd", "overt-subscriber": "overt-sub"}
# xlib's modules are written for Python 2 and 3 and warn when compiled; that is not our finding.
LOOK = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"


@cache
def real_uv() -> str:
    """Return where uv lies; what stands on PATH may be a shim that needs more than itself."""
    if "UV" in os.environ:  # `uv run` says so
        return os.environ["UV"]
    say = [sys.executable, "-c", "import os; print(os.environ['UV'])"]
    done = subprocess.run(["uv", "run", "--no-project", *say], capture_output=True, text=True)
    assert done.returncode == 0, "uv is not on PATH: pip install uv"
    return done.stdout.strip()


def uv(path: Path, *argv: str) -> str:
    """Run uv with nothing but itself and python on PATH."""
    env = {**os.environ, "PATH": str(path), "CC": "false", "CXX": "false"}
    env.pop("VIRTUAL_ENV", None)
    done = subprocess.run([real_uv(), *argv], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(300)
@pytest.mark.parametrize("room", ["overt-producer", "overt-subscriber"])
def test_an_install_holds_one_room_and_needs_no_compiler(room: str, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    (path / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    lock, wheels, venv = tmp_path / "lock.txt", tmp_path / "wheels", tmp_path / "venv"
    export = ("--no-dev", "--no-emit-workspace", "--format", "requirements.txt", "-q")
    python = str(venv / "bin" / "python")

    uv(path, "export", "--package", room, *export, "-o", str(lock))
    uv(path, "build", "-q", "--wheel", "--package", room, "-o", str(wheels))
    uv(path, "build", "-q", "--wheel", "--package", "overt-schemas", "-o", str(wheels))
    uv(path, "venv", "-q", "--python", sys.executable, str(venv))
    install = ("pip", "install", "-q", "--python", python, "--no-deps")
    uv(path, *install, "--require-hashes", "--no-build", "-r", str(lock))
    uv(path, *install, *(str(wheel) for wheel in wheels.glob("*.whl")))

    here = subprocess.run([python, "-c", LOOK], capture_output=True, text=True, check=True)
    names = {name.lower().replace("-", "_") for name in here.stdout.split()}
    assert names & ROOMS == {room.replace("-", "_")}
    assert not names & FOREIGN[room]
    said = subprocess.run(
        [str(venv / "bin" / PROGRAM[room]), "--help"], capture_output=True, text=True, cwd=tmp_path
    )
    assert said.returncode == 0, said.stderr[-2000:]
