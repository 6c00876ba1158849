"""One process writes the log; a thread that breaks takes the process with it."""

import signal
import threading
from pathlib import Path

import pytest

from overt_authority import serve
from overt_authority.log.append import AuditLog, Draft
from overt_authority.services import Services
from overt_schemas.errors import EXIT_FAILURE, Permanent, Transient
from overt_schemas.testing import FakeClock
from tests.authority import twin_server
from tests.authority.kit import World


def test_a_second_process_does_not_write_over_the_first_ones_log(tmp_path: Path) -> None:
    first = AuditLog(tmp_path / "audit.log", FakeClock())
    first.open()
    second = AuditLog(tmp_path / "audit.log", FakeClock())

    with pytest.raises(Permanent):
        second.open()
    second.close()
    first.append([Draft(kind="release", actor="sub-1")])
    first.close()
    second.open()

    assert second.head().size == 1
    second.close()


def test_beacons_go_out_while_other_work_is_slow(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, stuck, beacons = threading.Event(), threading.Event(), threading.Semaphore(0)
    monkeypatch.setattr(type(services.week_keys), "renew", lambda _self: stuck.wait(20))
    monkeypatch.setattr(type(services.beacons), "publish", lambda _self: beacons.release())
    threads = [
        threading.Thread(target=work, args=(services, 0.01, stop))
        for work in (serve.keep_house, serve.say_beacons)
    ]
    for thread in threads:
        thread.start()

    said = [beacons.acquire(timeout=5) for _ in range(3)]

    stuck.set()
    stop.set()
    for thread in threads:
        thread.join(5)
    assert said == [True] * 3


def test_a_beacon_that_cannot_go_out_is_tried_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, tried = threading.Event(), threading.Semaphore(0)

    def withheld(_self: object) -> int:
        tried.release()
        raise Transient("no", reason="log")

    monkeypatch.setattr(type(services.beacons), "publish", withheld)
    thread = threading.Thread(target=serve.say_beacons, args=(services, 0.01, stop))
    thread.start()

    said = [tried.acquire(timeout=5) for _ in range(3)]

    stop.set()
    thread.join(5)
    assert said == [True] * 3


def test_a_thread_that_breaks_ends_the_process_with_a_failure(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("something nobody foresaw")

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(serve, "say_beacons", broken)
    try:
        code = serve.run(world.settings, twin_server.FilePublisher(tmp_path / "kafka.jsonl"))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert code == EXIT_FAILURE
    assert not (world.folder / "state" / "ready").exists()
