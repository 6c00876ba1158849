"""Whoever sits beside the endpoint, on its machine or on its wire, cannot make it stand still."""

import datetime as dt
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from overt_producer import lease, run
from overt_producer.control import local
from overt_producer.control.authority import AuthorityClient
from overt_producer.control.board import Board
from overt_producer.control.enrol import enrol
from overt_producer.errands import Errands
from overt_producer.home import Home
from overt_producer.lease import Lease
from overt_producer.pipeline import Now
from overt_producer.stopping import Stop
from overt_schemas.errors import Malformed
from overt_schemas.records import Beacon
from tests.producer.authority_twin import AuthorityTwin
from tests.producer.fleet import Fleet

START = Now(wall_us=1_764_000_000_000_000, boot_ns=10**12, mono_us=10**9)


def until(found: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_peer_that_dribbles_cannot_hold_up_capture(tmp_path: Path) -> None:
    home = Home(tmp_path)
    server = local.LocalServer(home)
    server.open({})
    stop = threading.Event()

    def dribble() -> None:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(tmp_path / local.NAME))
            while not stop.wait(0.05):
                try:
                    peer.sendall(b"x")
                except OSError:
                    return

    hostile = threading.Thread(target=dribble)
    hostile.start()
    threading.Timer(4, stop.set).start()
    slowest = 0.0
    try:
        while hostile.is_alive():
            begun = time.monotonic()
            server.serve()
            slowest = max(slowest, time.monotonic() - begun)
            stop.wait(0.02)
    finally:
        stop.set()
        hostile.join()
        server.close()

    assert slowest < 1


def home_at(twin: AuthorityTwin, folder: Path) -> Home:
    home = Home(folder / "home")
    enrol(home, twin.url, twin.ca, "good")
    return home


def test_a_certificate_that_is_not_there_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AuthorityTwin(Fleet(), tmp_path) as twin:
        home = home_at(twin, tmp_path)
        monkeypatch.setattr("overt_schemas.api.CERTIFICATE", "/v1/nowhere")
        client = AuthorityClient.of(home)
        with pytest.raises(Malformed):
            client.certificate("x")
        client.close()


def test_errands_go_on_after_files_were_broken_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overt_producer.errands.RETRY_S", 0.1)
    monkeypatch.setattr("overt_producer.errands.POLL_S", 0.1)
    with AuthorityTwin(Fleet(), tmp_path, life=dt.timedelta(days=1)) as twin:
        home = home_at(twin, tmp_path)
        key = home.file("transport.key").read_text()
        home.write("transport.key", "broken")
        errands, board = Errands(home), Board(home.control)
        twin.registered.add("c-1")
        errands.want("c-1")
        errands.open()
        until(lambda: errands.is_away, "the broken key is met")
        home.write("transport.key", key)
        try:
            until(lambda: board.is_registered("c-1"), "the consent is learnt of all the same")
        finally:
            errands.close()
            board.close()


STUBBORN = (
    "import signal, sys, time; signal.signal(15, signal.SIG_IGN); "
    "open(sys.argv[1], 'w'); time.sleep(60)"
)


def test_run_ends_within_its_five_seconds_also_when_nobody_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf(run.Child):
        def __init__(self, name: str, argv: object) -> None:
            del argv
            super().__init__(name, [sys.executable, "-c", STUBBORN, str(tmp_path / name)])

    monkeypatch.setattr(run, "Child", Deaf)
    stop = Stop()
    ended: list[float] = []

    def work() -> None:
        run.run([], "nowhere", stop)
        ended.append(time.monotonic())

    worker = threading.Thread(target=work)
    worker.start()
    until(lambda: all((tmp_path / n).exists() for n in (run.CAPTURE, run.SHIP)), "both run")
    begun = time.monotonic()
    stop.event.set()
    worker.join(20)

    assert ended[0] - begun < 5.5


def test_a_lease_that_ran_out_cannot_be_had_again_by_turning_the_clock_a_little() -> None:
    beacon = Beacon(
        number=5, issued_ms=START.wall_ms, valid_until_ms=START.wall_ms + 60_000,
        paused_groups=(), tags=(), policies=(),
    )  # fmt: skip
    held, back_us, granted_us = Lease(), 0, 0
    for second in range(120):
        # Turned back by less than what counts as a step, again and again.
        back_us += 1_500_000 if second >= 59 and second % 2 else 0
        now = replace(
            START, wall_us=START.wall_us + second * 1_000_000 - back_us,
            boot_ns=START.boot_ns + second * 10**9, mono_us=START.mono_us + second * 1_000_000,
        )  # fmt: skip
        held = lease.ticked(lease.heard(lease.ticked(held, now), beacon, now), now)
        granted_us += 1_000_000 * (held.beacon is not None)

    assert granted_us <= 62_000_000
