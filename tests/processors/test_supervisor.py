"""Workers fall and rise; what cannot get better ends the supervisor."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from overt_processors.preflight import Expired, Found, judge
from overt_processors.supervisor import Instance, Supervisor
from overt_schemas.errors import Permanent, Transient


def supervisor(folder: Path, script: str, preflights: list[Exception] | None = None) -> Supervisor:
    """Return one whose worker is a Python script that knows its number of starts as N."""
    counter, left = folder / "starts", preflights or []
    counter.write_text("0")

    def preflight() -> None:
        if left:
            raise left.pop(0)

    head = (
        "import os, signal, sys, time\n"
        f"path = {str(counter)!r}\n"
        "N = int(open(path).read()) + 1\n"
        "open(path, 'w').write(str(N))\n"
    )
    command = [sys.executable, "-c", head + script]
    return Supervisor(command=command, preflight=preflight, ready=folder / "ready")


def starts(folder: Path) -> int:
    return int((folder / "starts").read_text())


@pytest.mark.parametrize("code", [70, 75, 1])
def test_a_worker_that_fell_is_started_again(tmp_path: Path, code: int) -> None:
    boss = supervisor(tmp_path, f"sys.exit({code} if N < 3 else 2)")

    assert boss.run() == 2
    assert starts(tmp_path) == 3


def test_a_worker_that_was_killed_is_started_again(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "os.kill(os.getpid(), 9) if N < 2 else sys.exit(4)")

    assert boss.run() == 4
    assert starts(tmp_path) == 2


def test_brokers_that_do_not_answer_are_waited_for(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "sys.exit(2)", [Transient("down"), Transient("down")])

    assert boss.run() == 2
    assert starts(tmp_path) == 1


def test_a_group_without_offsets_is_never_started(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "sys.exit(2)", [Permanent("none", reason="no_offset")])

    with pytest.raises(Permanent):
        boss.run()

    assert starts(tmp_path) == 0


@pytest.mark.parametrize("worker", ["obeys", "is deaf"])
def test_a_stop_takes_five_seconds_at_most(tmp_path: Path, worker: str) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if worker == "is deaf" else ""
    boss = supervisor(tmp_path, deaf + "open(path + '.up', 'w')\ntime.sleep(60)")
    started: list[float] = []

    def stop_when_up() -> None:
        while not (tmp_path / "starts.up").exists():
            time.sleep(0.01)
        started.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_up).start()
    before = signal.getsignal(signal.SIGTERM)
    try:
        code = boss.run()
    finally:
        signal.signal(signal.SIGTERM, before)

    assert code == 0
    assert time.monotonic() - started[0] < 5.0


def test_a_stop_breaks_off_a_preflight_that_waits_for_brokers(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, "sys.exit(2)")
    waiting = threading.Event()

    def preflight() -> None:
        waiting.set()
        select.select([], [], [], 60)  # as a call into librdkafka waits: no Python lock is held

    def stop_when_waiting() -> None:
        waiting.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)

    boss.preflight = preflight
    threading.Thread(target=stop_when_waiting).start()
    before, started_s = signal.getsignal(signal.SIGTERM), time.monotonic()
    try:
        code = boss.run()
    finally:
        signal.signal(signal.SIGTERM, before)

    assert code == 0
    assert starts(tmp_path) == 0
    assert time.monotonic() - started_s < 5.0


def test_the_ready_file_goes_when_the_worker_goes(tmp_path: Path) -> None:
    boss = supervisor(tmp_path, f"open({str(tmp_path / 'ready')!r}, 'w')\nsys.exit(2)")

    boss.run()

    assert not (tmp_path / "ready").exists()


def test_a_restart_has_the_same_name_in_the_group_and_a_neighbour_another(tmp_path: Path) -> None:
    script = (
        f"from overt_processors.supervisor import *; print(Instance(Path({str(tmp_path)!r})).name)"
    )

    def name() -> str:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        return done.stdout.decode().strip()

    first, second = name(), name()
    held = Instance(tmp_path)

    assert first == second == held.name
    assert name() != first


def test_offsets_are_judged_by_partition() -> None:
    committed = {0: 5, 1: None, 2: 7, 3: 9}
    starts_at = {0: 5, 1: 0, 2: 10, 3: 3}

    found = judge(committed, starts_at)

    hole = Expired(partition=2, from_offset=7, to_offset=10)
    assert found == Found(undecided=(1,), expired=(hole,))
