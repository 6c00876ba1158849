"""Bad input to any command: one line that says what is wrong, the right code, no traceback.

Here: settings of every service, certificates that the authority refuses, a beacon that has expired.
Ports, disk, jars, topology and no display stand in ``tests/ops/test_bad_input.py``.
"""

import datetime
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from overt_ops.demo.endpoint import program
from overt_ops.devstack import Running, certs
from overt_ops.devstack.certs import Issued, Kind, subject
from overt_schemas.errors import EXIT_NOT_AUTHORISED, EXIT_USAGE
from overt_schemas.records import Beacon
from tests.producer.fleet import Fleet

READ = ("overt-sub", "read", "--grant", "g-none", "--purpose", "p")
SERVICES = (
    ("overt-authority", "serve"),
    ("overt-processors", "refine", "--stream", "input"),
    ("overt-sink", "run"),
    ("overt-sink", "verify"),
    READ,
)


def run(command: tuple[str, ...], *more: str) -> "subprocess.CompletedProcess[str]":
    argv = [program(command[0]), *command[1:], *more]
    return subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)


def complaint(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """Return the last line; whatever stands before it is the log, in JSON."""
    assert done.returncode == code, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    *before, line = done.stderr.splitlines()
    assert all(row.startswith("{") for row in before)
    assert not line.startswith("{")
    return line


@pytest.mark.parametrize("command", SERVICES, ids=lambda c: " ".join(c[:2]))
@pytest.mark.parametrize(
    ("content", "mode"),
    [(None, 0), ("state_dir = ", 0o600), ("surprise = 1", 0o600), ("", 0o600), ("\x00", 0o600)],
    ids=["not there", "not TOML", "unknown key", "empty", "not text"],
)
def test_settings_that_are_broken(
    tmp_path: Path, command: tuple[str, ...], content: str | None, mode: int
) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)

    line = complaint(run(command, "--config", str(path)), EXIT_USAGE)

    assert "settings.toml" in line


@pytest.mark.stack
@pytest.mark.parametrize(
    ("name", "service", "command"),
    [
        ("alice", "alice", READ),
        ("refine", "refine-input", ("overt-processors", "refine", "--stream", "input")),
    ],
)
@pytest.mark.parametrize("kind", ["of another CA", "expired", "of a device"])
@pytest.mark.timeout(300)
def test_a_certificate_that_the_authority_refuses(
    product: Running, tmp_path: Path, name: str, service: str, command: tuple[str, ...], kind: str
) -> None:
    own = product.layout.principal(name)
    _keep(tmp_path, _certificate(product, name, kind))
    text = product.settings(service).read_text()
    for file in ("cert.pem", "key.pem"):
        text = text.replace(str(own / file), str(tmp_path / file))
    path = tmp_path / "settings.toml"
    path.write_text(text.replace(str(product.layout.service(service) / "state"), str(tmp_path)))
    path.chmod(0o600)

    line = complaint(run(command, "--config", str(path)), EXIT_NOT_AUTHORISED)

    assert "authority" in line


def _certificate(product: Running, name: str, kind: str) -> Issued:
    who = subject(Kind.SERVICE if name == "refine" else Kind.SUBSCRIBER, name)
    if kind == "of another CA":
        return certs.issue(certs.new_issuer("overt service ca"), who)
    if kind == "expired":
        issuer = certs.ensure_issuer(product.layout.ca, "service")
        return certs.issue(issuer, who, life=datetime.timedelta(seconds=-1))
    device = certs.ensure_issuer(product.layout.ca, "device")
    return certs.issue(device, subject(Kind.ENDPOINT, "ab" * 16, "demo"))


def _keep(folder: Path, made: Issued) -> None:
    for file, content in (("cert.pem", made.cert), ("key.pem", made.key)):
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)


# The command with its patience cut down: a minute without a lease is long for a test.
_CAPTURE = """
import sys
from overt_producer import capture, cli
capture.NO_LEASE_S = 2.0
sys.argv[0] = "overtd"
cli.main()
"""
Beacons = Callable[[Fleet, int], Beacon | None]


@pytest.mark.parametrize(
    "beacon",
    [lambda fleet, now_ms: fleet.beacon(now_ms - 20_000, valid_s=10), lambda _fleet, _now_ms: None],
    ids=["expired", "none"],
)
def test_without_a_beacon_in_force_capture_ends_and_has_captured_nothing(
    tmp_path: Path, beacon: Beacons
) -> None:
    fleet = Fleet()
    home = fleet.enrol(tmp_path / "home")
    made = beacon(fleet, time.time_ns() // 1_000_000)
    if made is not None:
        fleet.send(home, made)
    argv = ["capture", "--home", str(home.path), "--source", "scripted", "--seconds", "1"]

    done = subprocess.run(
        [sys.executable, "-c", _CAPTURE, *argv], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert "lease" in complaint(done, EXIT_NOT_AUTHORISED)
    assert '"captured": 0' in home.file("last_run.json").read_text()
