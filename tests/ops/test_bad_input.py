"""Bad input, from the command line: one line that says what to do, the right code, no traceback."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from overt_ops.devstack.preflight import LOOPBACK
from overt_ops.topology import files
from overt_ops.topology.model import FILES

CLI = str(Path(sys.executable).parent / "stream-ops")
# The command with one constant of the machine's changed: a disk that is never large enough.
_SMALL_DISK = """
import sys
from overt_ops.cli import main
from overt_ops.devstack import preflight
preflight.check_disk.__defaults__ = (2**62,)
sys.argv[0] = "stream-ops"
main()
"""


def run(home: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    """Run a command with an empty home of its own."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)


def up(home: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return run(home, CLI, "dev", "up", "--servers-only", "--state", str(home / "state"), *more)


def last_line(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """Return the one line of complaint, behind nothing but stages."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    *stages, line = done.stderr.splitlines()
    assert line.startswith("stream-ops: ")
    assert set(stages) <= {"fetching Apache Kafka"}
    return line


def remember(home: Path, text: str) -> None:
    folder = home / "state" / "run"
    folder.mkdir(parents=True)
    (folder / "ports.json").write_text(text)


def test_a_remembered_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        remember(tmp_path, json.dumps({"s3": port}))

        line = last_line(up(tmp_path), 1)

    assert f"port {port} (s3) is taken" in line
    assert "--new-ports" in line


@pytest.mark.parametrize("text", ["", "{", "[]", '{"s3": "x"}', '{"s3": 99999999}'])
def test_ports_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    remember(tmp_path, text)

    assert "--new-ports" in last_line(up(tmp_path), 1)


def test_too_little_disk(tmp_path: Path) -> None:
    argv = ["dev", "up", "--state", str(tmp_path / "state")]

    line = last_line(run(tmp_path, sys.executable, "-c", _SMALL_DISK, *argv), 1)

    assert "GiB free" in line
    assert "--state DIR" in line


@pytest.fixture
def mirror() -> Iterator[str]:
    """A Maven mirror that serves something else under every name."""

    class Wrong(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"another jar")

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer((LOOPBACK, 0), Wrong) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


def configure_jgo(home: Path, text: str) -> None:
    (home / ".config").mkdir()
    (home / ".config" / "jgo.conf").write_text(text)


def test_a_jar_with_another_hash(tmp_path: Path, mirror: str) -> None:
    configure_jgo(tmp_path, f"[repositories]\ncentral = {mirror}\n")

    line = last_line(up(tmp_path), 1)

    assert "differs from the lock" in line
    assert list(tmp_path.rglob("*.jar")) == []


def test_a_broken_jgo_conf(tmp_path: Path) -> None:
    configure_jgo(tmp_path, "repositories are where?\n")

    assert "jgo.conf" in last_line(up(tmp_path), 1)


@pytest.mark.parametrize("verb", ["up", "status", "down"])
def test_a_state_that_is_no_folder(tmp_path: Path, verb: str) -> None:
    (tmp_path / "state").write_text("")

    line = last_line(run(tmp_path, CLI, "dev", verb, "--state", str(tmp_path / "state")), 1)

    assert str(tmp_path / "state") in line


@pytest.mark.parametrize("text", ["", "{", "7", '["Not A Name"]'])
def test_subscribers_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "state" / "principals"
    folder.mkdir(parents=True)
    (folder / "subscribers.json").write_text(text)

    done = up(tmp_path)

    assert "subscribe" in last_line(done, done.returncode)
    assert done.returncode in (1, 2)


@pytest.mark.parametrize(
    "content", [b"a: [b", b"\xff\xfe", b"", b"sink: 5", b"[1, 2]"],
    ids=["not YAML", "not text", "empty", "a number for a list", "a list for a table"],
)  # fmt: skip
def test_a_broken_topology(tmp_path: Path, content: bytes) -> None:
    for name in FILES:
        original = files.default_folder() / f"{name}.yaml"
        (tmp_path / original.name).write_bytes(original.read_bytes())
    (tmp_path / "groups.yaml").write_bytes(content)

    done = run(tmp_path, CLI, "topology", "show", "--topology", str(tmp_path))

    assert "topology" in last_line(done, 2) or "groups.yaml" in done.stderr


_SIGNALLED = """
import os, signal, sys, time
from overt_ops import cli
# Who starts the tests in the background has SIGINT ignored, which a child inherits.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
def waits(**_):
    try:
        os.kill(os.getpid(), int(sys.argv[1])); time.sleep(20)
    finally:
        print("cleaned up")
cli.app = waits
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_cleans_up_first(tmp_path: Path, number: int) -> None:
    # A demo whose terminal is closed must not leave an endpoint that goes on capturing.
    done = run(tmp_path, sys.executable, "-c", _SIGNALLED, str(int(number)))

    assert done.stdout == "cleaned up\n"
    assert last_line(done, 130) == "stream-ops: interrupted"


def test_a_demo_without_a_display(tmp_path: Path) -> None:
    argv = [CLI, "demo", "--source", "desktop", "--state", str(tmp_path / "state")]

    line = last_line(run(tmp_path, *argv), 1)

    assert "--source scripted" in line
    assert not (tmp_path / "state").exists()
