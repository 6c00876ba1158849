"""Devices that never stop: a thread that seals and publishes, and the account of what came out."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from overt_schemas import codec
from overt_schemas.envelope.part import PartHeader, SegmentHeader, load
from overt_schemas.ids import Stream
from overt_schemas.records import Part
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import RAW
from tests.processors.living import Living
from tests.processors.stand import Stand
from tests.processors.world import START_MS, frame_batch, input_batch

_PACE_S = 0.1


@dataclass
class Feed(Living):
    """Publishes a batch of each device ten times a second while it is open."""

    stand: Stand
    devices: list[ScriptedDevice]
    stream: Stream = Stream.INPUT

    def _run(self) -> None:
        producer = self.stand.producer()
        periods = [device.period(0, START_MS * 1000) for device in self.devices]
        while not self._stop.is_set():
            for device, period in zip(self.devices, periods, strict=True):
                at_ms = START_MS + device.batches
                record = (
                    input_batch(at_ms) if self.stream is Stream.INPUT else frame_batch(at_ms, 0)
                )
                sealed = device.seal(period, record, stream=self.stream)
                value = codec.encode(sealed.record)
                producer.produce(RAW[self.stream], value, device.device)
            producer.poll(0)
            self._stop.wait(_PACE_S)
        assert producer.flush(30) == 0


@dataclass(frozen=True)
class Account:
    """What the parts of some devices add up to."""

    lost: int
    repeats: int
    out_of_order: int


def account(rows: list[Any], devices: list[ScriptedDevice]) -> Account:
    """Return the account of the part records ``rows`` (in partition and offset order)."""
    ids = {device.device for device in devices}
    seen: Counter[tuple[bytes, int]] = Counter()
    highest: dict[bytes, int] = {}
    out_of_order = 0
    for row in rows:
        if row.key() not in ids:
            continue
        part = codec.decode(row.value(), Part)
        device = load(SegmentHeader, part.segment).device
        header = load(PartHeader, part.header)
        assert header.partition == row.partition()
        if (device, header.batch) not in seen and header.batch != highest.get(device, -1) + 1:
            out_of_order += 1
        highest[device] = max(header.batch, highest.get(device, -1))
        seen[device, header.batch] += 1
    expected = {(device.device, n) for device in devices for n in range(device.batches)}
    repeats = sum(seen.values()) - len(seen)
    return Account(lost=len(expected - set(seen)), repeats=repeats, out_of_order=out_of_order)
