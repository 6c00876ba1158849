"""The safe pattern on real brokers: workers come, go, stop and are killed, and nothing is lost.

Five seconds are the promise for a join, a leave and a stop. A join is timed from the moment the
worker asks for its share: how long a busy machine takes to start a Python process is not promised.
"""

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from overt_schemas.ids import Stream
from tests.processors.feed import Account, Feed, account
from tests.processors.stand import Stand, Worker, stand, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("refine")) as ready:
        ready.publish_registries()
        yield ready


@pytest.fixture(autouse=True)
def tidy(site: Stand) -> Iterator[None]:
    yield
    site.close()


def ready(worker: Worker) -> Worker:
    until(lambda: worker.is_ready, 60, f"ready ({worker.log})")
    return worker


def moment(row: dict[str, str]) -> float:
    return datetime.fromisoformat(row["timestamp"]).timestamp()


def drained(site: Stand, stream: Stream = Stream.INPUT) -> None:
    until(lambda: site.is_drained(stream), 90, "drained")


def test_join_leave_and_stop_take_five_seconds_and_lose_nothing(site: Stand) -> None:
    devices = [site.enrol() for _ in range(8)]
    with Feed(site, devices):
        first = ready(site.start(name="a"))
        second = ready(site.start(name="b"))
        until(lambda: len(first.lines("partitions_assigned")) > 1, 30, "shared")
        code, leave_s = second.stop()
        until(lambda: len(first.lines("partitions_assigned")) > 2, 30, "taken over")
    drained(site)
    stop_code, stop_s = first.stop()

    # Each worker's first line about partitions is the one with which it asks for some.
    asked = moment(second.lines("partitions_revoked")[0])
    join_s = moment(second.lines("partitions_assigned")[0]) - asked
    assigned = [row["partitions"] for row in first.lines("partitions_assigned")]
    left = moment(first.lines("partitions_assigned")[2]) - moment(second.lines("counts")[-1])
    assert (code, stop_code) == (0, 0)
    assert (len(assigned[0]), len(assigned[1]), len(assigned[2])) == (4, 2, 4)
    assert join_s <= 5.0
    assert leave_s <= 5.0
    assert left <= 5.0
    assert stop_s <= 5.0
    result = account(site.read(), devices)
    assert result == Account(lost=0, repeats=result.repeats, out_of_order=0)


def test_kills_of_workers_and_supervisors_lose_nothing_and_keep_the_order(site: Stand) -> None:
    devices = [site.enrol() for _ in range(8)]
    with Feed(site, devices):
        first, second = ready(site.start(name="a")), ready(site.start(name="b"))
        os.kill(first.child(), signal.SIGKILL)
        until(lambda: first.lines("worker_ended"), 30, "fallen")
        ready(first)
        second.process.kill()
        second.process.wait(10)
        until(lambda: not _alive(second.child()), 10, "the worker outlived its supervisor")
        ready(site.start(name="b"))
    drained(site)

    result = account(site.read(), devices)

    assert result.lost == 0
    assert result.out_of_order == 0
    assert site.read("overt.deadletter.v1") == []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_frames_run_beside_input_in_a_group_of_their_own(site: Stand) -> None:
    devices = [site.enrol() for _ in range(4)]
    worker = ready(site.start(Stream.FRAME))
    before = site.committed(Stream.INPUT)
    with Feed(site, devices, Stream.FRAME):
        until(lambda: devices[0].batches > 20, 30, "fed")
    drained(site, Stream.FRAME)
    code, _ = worker.stop()

    assert code == 0
    assert account(site.read(), devices) == Account(lost=0, repeats=0, out_of_order=0)
    assert site.committed(Stream.INPUT) == before


@pytest.mark.long
def test_a_broker_that_restarts_costs_time_and_nothing_else(site: Stand) -> None:
    devices = [site.enrol() for _ in range(8)]
    with Feed(site, devices):
        worker = ready(site.start())
        broker = site.running.brokers[0]
        os.kill(site.pid(broker), signal.SIGKILL)
        site.running.wait_ready([broker])
        sent = devices[0].batches
        until(lambda: devices[0].batches > sent + 20, 60, "fed again")
    drained(site)

    result = account(site.read(), devices)

    assert worker.process.poll() is None
    assert result == Account(lost=0, repeats=result.repeats, out_of_order=0)
