"""One of three brokers dies at once and comes back, while a device writes and refine works."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Message

from overt_schemas import codec
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import INPUT
from tests.processors.feed import Account, account
from tests.processors.stand import Stand, Worker, stand, until
from tests.processors.world import START_MS, input_batch
from tests.stack.brokers import say

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
VICTIM = "kafka-2"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("three"), count=3) as ready:
        ready.publish_registries()
        yield ready


@dataclass
class Load:
    """A thread that seals a batch of each device in turn and notes when each was acknowledged."""

    site: Stand
    devices: list[ScriptedDevice]
    acknowledged: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(90)

    def _delivered(self, error: object, _: Message) -> None:
        if error is None:
            self.acknowledged.append(time.monotonic())
        else:
            self.refused.append(str(error))

    def _run(self) -> None:
        producer = self.site.producer()  # idempotent, acks=all
        periods = [device.period(0, START_MS * 1000) for device in self.devices]
        while not self._stop.is_set():
            for device, period in zip(self.devices, periods, strict=True):
                sealed = device.seal(period, input_batch(START_MS + device.batches))
                value = codec.encode(sealed.record)
                producer.produce(INPUT, value, device.device, on_delivery=self._delivered)
                self.sent += 1
            producer.poll(0)
            self._stop.wait(0.05)
        producer.flush(60)

    def since(self, moment: float) -> int:
        """Return how many batches were acknowledged after a moment."""
        return sum(1 for at in self.acknowledged if at > moment)


def longest_gap(moments: list[float], since: float) -> float:
    """Return the longest silence after a moment."""
    later = [since, *(at for at in moments if at > since)]
    return max(b - a for a, b in itertools.pairwise(later))


def ready(worker: Worker) -> Worker:
    until(lambda: worker.is_ready, 60, f"ready ({worker.log})")
    return worker


def test_one_of_three_brokers_dies_and_nothing_is_lost(site: Stand) -> None:
    devices = [site.enrol() for _ in range(8)]
    worker = ready(site.start())
    with Load(site, devices) as load:
        until(lambda: len(load.acknowledged) > 200, 30, "under load")
        died, died_ms = time.monotonic(), time.time() * 1000
        site.running.kill(VICTIM)
        until(lambda: load.since(died + 1) > 400, 60, "acknowledged without it")
        returned = time.monotonic()
        site.running.start([VICTIM])
        until(lambda: load.since(returned + 1) > 200, 60, "acknowledged with it again")
    until(site.is_drained, 90, "drained")

    keys = {device.device for device in devices}
    raw = [row for row in site.read(INPUT) if row.key() in keys]
    rows = [row for row in site.read() if row.key() in keys]
    result = account(rows, devices)
    silence_s = longest_gap(load.acknowledged, died)
    parts_s = longest_gap([row.timestamp()[1] / 1000 for row in rows], died_ms / 1000)
    say(
        f"kill -9 of one of three brokers: {load.sent} batches sent, "
        f"{len(load.acknowledged)} acknowledged, {len(raw)} stored; at the parts {result.lost} "
        f"lost, {result.repeats} repeated; longest silence {silence_s:.1f} s to the producer, "
        f"{parts_s:.1f} s to the parts' reader"
    )
    assert load.refused == []
    assert load.sent == len(load.acknowledged) == len(raw)
    assert worker.process.poll() is None
    assert result == Account(lost=0, repeats=result.repeats, out_of_order=0)
    assert silence_s < 30
