"""The process: ready when it answers, gone in time, and whole again after kill -9."""

import base64
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import tomli_w
from cryptography.hazmat.primitives.asymmetric import ec

from overt_authority.log.append import AuditLog
from overt_schemas import api, codec, topics
from overt_schemas.records import AuditEntry, Beacon, Device, Signed
from overt_schemas.testing import FakeClock
from tests.authority import kit, twin_server
from tests.authority.kit import World


@dataclass(slots=True)
class Process:
    """An authority in a process of its own."""

    world: World
    port: int
    running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def said(self) -> Path:
        return self.world.folder / "kafka.jsonl"

    @property
    def ready(self) -> Path:
        return self.world.folder / "state" / "ready"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.authority.twin_server"]
        self.running = subprocess.Popen(
            [*command, str(self.world.config), str(self.said)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        until(lambda: self.ready.exists() or self.running.poll() is not None)  # type: ignore[union-attr]
        assert self.ready.exists(), "it did not become ready"

    def stop(self, number: signal.Signals) -> tuple[int, bytes]:
        """Send a signal; return exit code and everything it wrote to stdout."""
        assert self.running is not None
        self.running.send_signal(number)
        out, _ = self.running.communicate(timeout=10)
        return self.running.returncode, out

    def kill(self) -> None:
        self.stop(signal.SIGKILL)
        self.ready.unlink(missing_ok=True)  # a supervisor's next start would do it
        self.running = None


def until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def process(world: World) -> Iterator[Process]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    values = tomllib.loads(world.config.read_text())
    values["listen"]["port"] = port
    kit.secret(world.config, tomli_w.dumps(values))
    made = Process(world=world, port=port)
    yield made
    if made.running is not None and made.running.poll() is None:
        made.running.kill()
        made.running.communicate()


def test_it_is_ready_when_it_answers_and_goes_when_told(process: Process) -> None:
    process.start()
    pair = process.world.certificate("operator", "op-1")
    with kit.caller(process.url, process.world, pair) as operator:
        ready = operator.get(api.READY)
        began = time.monotonic()

        code, out = process.stop(signal.SIGTERM)

    assert ready.json() == {"ready": True}
    assert (code, out) == (0, b"")
    assert time.monotonic() - began < 5
    assert not process.ready.exists()


def test_interrupted_from_a_terminal_it_says_so(process: Process) -> None:
    process.start()

    assert process.stop(signal.SIGINT)[0] == 130


def test_beacons_go_on_and_only_rise_over_every_kill(process: Process) -> None:
    for _ in range(3):
        process.start()
        before = len(twin_server.read(process.said, topics.BEACON))
        until(lambda: len(twin_server.read(process.said, topics.BEACON)) > before + 2)  # noqa: B023
        process.kill()

    values = [value for _, value in twin_server.read(process.said, topics.BEACON)]
    numbers = [codec.unpack(Beacon, codec.decode(v, Signed).body).number for v in values]
    assert numbers == sorted(set(numbers))


def test_whatever_was_acknowledged_before_a_kill_is_true_after_it(process: Process) -> None:
    answered = set[str]()
    pair = process.world.certificate("operator", "op-1")
    for delay_s in (0.0, 0.03, 0.1):
        process.start()
        with kit.caller(process.url, process.world, pair) as operator:
            body = {"group": "demo", "count": 30}
            tokens = operator.post(api.TOKENS, json=body).json()["tokens"]
        # Enrolments go on until the process dies in the middle of one; where does not matter.
        with kit.caller(process.url, process.world) as nobody, suppress(httpx.HTTPError):
            answered.add(_enrol(nobody, tokens[0]))
            threading.Timer(delay_s, process.kill).start()
            for token in tokens[1:]:
                answered.add(_enrol(nobody, token))
        until(lambda: process.running is None)

    process.start()
    process.stop(signal.SIGTERM)

    devices = [
        codec.unpack(Device, codec.decode(value, Signed).body)
        for _, value in twin_server.read(process.said, topics.DEVICE)
    ]
    assert answered <= {device.device.hex() for device in devices}
    _check_log(process, answered)


def _check_log(process: Process, answered: set[str]) -> None:
    log = AuditLog(process.world.folder / "state" / "audit.log", FakeClock())
    log.open()
    entries = log.entries(0, 10_000)
    log.close()
    told: list[AuditEntry] = []
    for _, value in twin_server.read(process.said, topics.AUDIT):
        entry = codec.decode(value, AuditEntry)
        if entry not in told:
            told.append(entry)
    assert [entry.number for entry in entries] == list(range(len(entries)))
    assert told == entries[: len(told)]
    logged = {entry.detail.removeprefix("device=") for entry in entries if entry.person}
    assert answered <= logged


def test_a_promise_is_kept_by_the_next_process(process: Process) -> None:
    process.start()
    pair = process.world.certificate("operator", "op-1")
    with kit.caller(process.url, process.world, pair) as operator:
        token = operator.post(api.TOKENS, json={"group": "demo", "count": 1}).json()["tokens"][0]
    down = process.said.with_suffix(".down")
    down.touch()
    key, signing = ec.generate_private_key(ec.SECP256R1()), bytes(range(32))
    with kit.caller(process.url, process.world) as nobody:
        refused = nobody.post(api.ENROL, json=_wish(token, key, signing))
    process.kill()
    down.unlink()

    process.start()

    published = twin_server.read(process.said, topics.DEVICE)
    with kit.caller(process.url, process.world) as nobody:
        answer = nobody.post(api.ENROL, json=_wish(token, key, signing)).json()
    assert (refused.status_code, refused.json()["error"]) == (503, "kafka")
    assert [key.hex() for key, _ in published] == [answer["device"]]


def _wish(token: str, key: ec.EllipticCurvePrivateKey, signing: bytes) -> dict[str, str]:
    public = base64.b64encode(signing).decode()
    return {"token": token, "signing_key": public, "csr": kit.csr(key)}


def _enrol(client: httpx.Client, token: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    answer = client.post(api.ENROL, json=_wish(token, key, secrets.token_bytes(32)))
    return str(answer.json()["device"])


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        pytest.param({"surprise": 1}, 2, "surprise", id="unknown key"),
        pytest.param({"database": None}, 2, "database", id="missing section"),
        pytest.param({"index": {"url": "index.db"}}, 2, "index.url", id="no index"),
        pytest.param({"database": {"url": "nix://u:hidden@h"}}, 2, "database.url", id="no SQL"),
        pytest.param({"file_root": None}, 2, "[bao] or [file_root]", id="no key service"),
    ],
)
def test_broken_settings_are_one_line(
    world: World, change: dict[str, object], code: int, says: str
) -> None:
    values = {**tomllib.loads(world.config.read_text()), **change}
    kit.secret(world.config, tomli_w.dumps({k: v for k, v in values.items() if v is not None}))

    done = _serve(world.config)

    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert "hidden" not in done.stderr


def test_settings_that_others_may_read_are_refused(world: World) -> None:
    world.config.chmod(0o644)

    done = _serve(world.config)

    assert done.returncode == 2
    assert "chmod 600" in done.stderr


def _serve(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "overt-authority"), "serve"]
    return subprocess.run(
        [*command, "--config", str(config)], capture_output=True, text=True, timeout=30, check=False
    )
