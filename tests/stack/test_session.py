"""The session app on real brokers: killed, taken over, restarted, and every session as if never."""

import json
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from overt_processors.core.sessions import state
from overt_schemas import codec
from overt_schemas.ids import Stream
from overt_schemas.records import DeadLetter, Session
from overt_schemas.topics import DEADLETTER, SESSION
from tests.processors.session_stand import Life, SessionStand
from tests.processors.session_world import plain
from tests.processors.stand import Worker, stand, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
RULES = state.Rules(update_ms=1000, silent_ms=72 * 3_600_000)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionStand]:
    with stand(tmp_path_factory.mktemp("session")) as ready:
        ready.publish_registries()
        sessions = SessionStand(ready)
        sessions.permit()
        yield sessions


@pytest.fixture(autouse=True)
def tidy(site: SessionStand) -> Iterator[None]:
    yield
    site.stand.close()


def ready(worker: Worker) -> Worker:
    until(lambda: worker.is_ready, 60, f"ready ({worker.log})")
    return worker


def closings(records: list[Session]) -> dict[tuple[bytes, bytes, int], int]:
    """Return how often each session went from open to closed, in the order of what they count."""
    told: dict[tuple[bytes, bytes, int], list[str]] = defaultdict(list)
    for record in sorted(records, key=state.reach):
        told[record.device, record.boot, record.activity].append(record.state)
    return {
        name: sum(
            before == "open" != after
            for before, after in zip(["open", *states], states, strict=False)
        )
        for name, states in told.items()
    }


def test_kills_and_takeovers_change_no_session_and_each_is_closed_once(site: SessionStand) -> None:
    devices = [site.enrol(number) for number in range(8)]
    with Life(site, devices) as life:
        first, second = ready(site.start("a")), ready(site.start("b"))
        for _ in range(2):
            os.kill(first.child(), signal.SIGKILL)
            ended = len(first.lines("worker_ended"))
            until(partial(_has_more, first, "worker_ended", ended), 30, "fallen")
            ready(first)
        second.process.kill()  # and its worker with it: the other one takes over
        second.process.wait(10)
        assigned = len(first.lines("partitions_assigned"))
        until(partial(_has_more, first, "partitions_assigned", assigned), 60, "taken over")
        third = ready(site.start("c"))
        code, _ = third.stop()
        rounds = life.rounds
        until(lambda: life.rounds > rounds + 100, 60, "lived on")
    until(site.is_drained, 90, "drained")
    stopped, stop_s = first.stop()

    records = site.records()
    newest = state.newest(records)
    assert (code, stopped) == (0, 0)
    assert stop_s <= 5.0
    assert plain(newest.values()) == plain(site.undisturbed(RULES))
    assert {s.state for s in newest.values()} >= {"complete", "cut"}
    assert set(closings(records).values()) <= {0, 1}
    assert all(
        count == 1
        for name, count in closings(records).items()
        if newest[_key(name)].state != "open"
    )
    assert site.stand.read(DEADLETTER) == []


def _has_more(worker: Worker, event: str, count: int) -> bool:
    return len(worker.lines(event)) > count


def _key(name: tuple[bytes, bytes, int]) -> bytes:
    return name[0] + name[1] + name[2].to_bytes(4, "big")


def _states(site: SessionStand, device: bytes) -> list[str]:
    return [record.state for record in site.records() if record.device == device]


def test_what_no_processor_signed_is_set_aside_as_it_came_and_costs_nothing_else(
    site: SessionStand,
) -> None:
    device = site.enrol(2)
    good, bad = device.begin(), bytearray(device.part(Stream.INPUT))
    bad[-1] ^= 1  # of the signature
    site.write([b"rubbish", *good, bytes(bad), *device.finish()], device.device)

    worker = ready(site.start("a"))
    until(lambda: _states(site, device.device), 30, "counted")
    until(site.is_drained, 60, "drained")
    worker.stop()

    letters = [codec.decode(row.value(), DeadLetter) for row in site.stand.read(DEADLETTER)]
    assert [letter.value for letter in letters] == [b"rubbish", bytes(bad)]
    assert {letter.processor for letter in letters} == {"session"}


def test_sessions_are_rebuilt_from_the_parts_and_told_apart_before(site: SessionStand) -> None:
    config = ("--config", str(site.config("rebuild")))
    device = site.enrol(1)
    site.write([*device.begin(), *device.finish()], device.device)
    worker = ready(site.start("a"))
    until(site.is_drained, 60, "drained")
    running = site.command("sessions", "rebuild", *config)
    worker.stop()
    before = site.command("sessions", "rebuild", "--check", "-o", "json", *config)
    _break_one(site, device.device)

    found = site.command("sessions", "rebuild", "--check", "-o", "json", *config)
    mended = site.command("sessions", "rebuild", "-o", "json", *config)
    after = site.command("sessions", "rebuild", "--check", "-o", "json", *config)

    assert running.returncode == 1
    assert running.stderr.splitlines()[-1].startswith("overt-processors: the session app runs")
    assert before.returncode == 0, before
    assert found.returncode == 3
    assert json.loads(found.stdout)["differing"] == 1
    assert json.loads(mended.stdout)["written"] == 1
    assert after.returncode == 0
    assert json.loads(after.stdout) | {"same": 0, "parts": 0, "refused": 0} == {
        "parts": 0, "refused": 0, "same": 0, "differing": 0, "behind": 0, "beyond": 0,
        "written": 0,
    }  # fmt: skip


def _break_one(site: SessionStand, device: bytes) -> None:
    record = next(r for r in state.newest(site.records()).values() if r.device == device)
    wrong = replace(record, input_batches=99)
    producer = site.stand.producer()
    producer.produce(SESSION, codec.encode(wrong), device, partition=1)
    assert producer.flush(20) == 0


def test_a_device_that_never_returns_is_closed_once(site: SessionStand) -> None:
    """Last here: to this app every session of the tests before is silent."""
    device = site.enrol(3)

    worker = ready(site.start("silent", silent_after_s=3.0))
    site.write([*device.begin(), *device.go_on()], device.device)
    until(lambda: _states(site, device.device)[-1:] == ["silent"], 30, "closed")
    worker.stop()
    again = ready(site.start("silent", silent_after_s=3.0))
    other = site.enrol(3)
    site.write(other.begin(), other.device)
    until(lambda: _states(site, other.device)[-1:] == ["silent"], 30, "lived on")
    again.stop()

    assert _states(site, device.device) == ["open", "silent"]
