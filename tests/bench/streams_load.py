"""What `just bench-streams` feeds: sealed records of devices that the registries know.

Everything is sealed before anything is measured, and fed again in every round: refine keeps nothing
of a batch, so a repeat costs it what the first did. Batches of a device are a second apart, records
of all devices come in turns, a segment lasts ten seconds and a period ten minutes, as in the demo.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from overt_producer.sources.traces import read_ducktrack
from overt_schemas import codec
from overt_schemas.columns import Columns
from overt_schemas.envelope.batch import Period
from overt_schemas.ids import Stream, new_id, week_of
from overt_schemas.records import (
    Beacon,
    ConsentSpan,
    Device,
    FrameBatch,
    InputBatch,
    Person,
    PersonKey,
    Policy,
    PolicyRef,
    SealSpan,
    Signed,
)
from overt_schemas.signing import policy_hash
from overt_schemas.testing import ScriptedDevice, empty_input
from overt_schemas.topics import BEACON, CONTROL, DEVICE, PERSON
from tests.left_out import RECORDINGS
from tests.processors.thinned import batch_of
from tests.processors.world import START_MS, World, frame_batch

WHOLE, DEMO = "whole", "demo"  # groups: nothing is thinned; what the demo's policy thins
_FROM_MS = START_MS - 3_600_000
_SEGMENT_S, _LEASE_S = 10, 60
_BEACONS = 60  # minutes that a device can be fed
_FULL = 256
FRAME_BYTES = 60_000
Row = tuple[str, bytes | None, Signed]
Sealed = list[tuple[bytes, bytes]]  # key, value
Second = Callable[[int], InputBatch | FrameBatch]


@dataclass
class Fleet:
    """Devices, each with a person of its own, and the registry records that name them."""

    world: World
    devices: dict[str, list[ScriptedDevice]] = field(default_factory=lambda: {WHOLE: [], DEMO: []})
    published: list[Row] = field(default_factory=list)
    _periods: dict[bytes, Period] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        base: Policy = self.world.policy_record
        records = {
            WHOLE: replace(base, group=WHOLE),
            DEMO: replace(
                base, group=DEMO, move_tolerance_px=1, frame_floor_ms=1000, scene_percent=20
            ),
        }
        self._policies = {
            group: self.world.authority.sign_record(record) for group, record in records.items()
        }

    def rules(self) -> list[Row]:
        """Return key set, policies and beacons."""
        world = self.world
        refs = tuple(
            PolicyRef(group=group, policy=policy_hash(signed))
            for group, signed in self._policies.items()
        )
        beacons = [
            Beacon(
                number=number, issued_ms=START_MS + (number - 1) * _LEASE_S * 1000,
                valid_until_ms=START_MS + number * _LEASE_S * 1000, paused_groups=(), tags=(),
                policies=refs,
            )
            for number in range(1, _BEACONS + 1)
        ]  # fmt: skip
        rows: list[Row] = [(CONTROL, b"keyset", world.key_set())]
        rows += [(CONTROL, f"policy/{g}/1".encode(), s) for g, s in self._policies.items()]
        rows += [(BEACON, None, world.authority.sign_record(b)) for b in beacons]
        self.published += rows
        return rows

    def enrol(self, group: str, number: int) -> list[Row]:
        """Return the records of so many more devices and people."""
        rows = [row for _ in range(number) for row in self._enrol(group)]
        self.published += rows
        return rows

    def _enrol(self, group: str) -> Iterator[Row]:
        world, name = self.world, next(self._names)
        device = ScriptedDevice(
            device=new_id(), boot=new_id(), policy=policy_hash(self._policies[group]),
            person=f"p-{name:016x}", consent=f"c-{name:016x}",
            processor=world.scripted.processor, processor_key=world.scripted.processor_key,
        )  # fmt: skip
        self.devices[group].append(device)
        consent = ConsentSpan(
            consent=device.consent, device=device.device, policy=device.policy,
            purposes=("research",), from_ms=_FROM_MS, to_ms=0,
        )  # fmt: skip
        key = PersonKey(
            key_id=f"k-{name}", week=week_of(START_MS), public=world.person_key.public_bytes()
        )
        known = Device(
            device=device.device, group=group, version=1, state="active", pauses=(),
            signing_key=device.signer.public_bytes(),
            spans=(SealSpan(person=device.person, from_ms=_FROM_MS, to_ms=0),),
        )  # fmt: skip
        person = Person(
            person=device.person, version=1, state="active", consents=(consent,), keys=(key,)
        )
        yield DEVICE, device.device, world.authority.sign_record(known)
        yield PERSON, device.person.encode(), world.authority.sign_record(person)

    def seal(self, group: str, active: int, total: int, second: Second) -> Sealed:
        """Return ``total`` records of the first ``active`` devices of a group, in turns.

        ``second`` gives the batch of a device's n-th second; its time is set here.
        """
        devices = self.devices[group][:active]
        rows: Sealed = []
        for number in range(total):
            device, at = devices[number % active], number // active
            start_us = (START_MS + at * 1000) * 1000
            batch = second(number)
            if isinstance(batch, InputBatch):
                batch = replace(batch, start_us=start_us)
            period = self._periods.get(device.device)
            if period is None:
                period = self._periods[device.device] = device.period(0, START_MS * 1000)
            stream = Stream.INPUT if isinstance(batch, InputBatch) else Stream.FRAME
            sealed = device.seal(
                period, batch, segment=at // _SEGMENT_S, beacon=1 + at // _LEASE_S, stream=stream
            )
            rows.append((device.device, codec.encode(sealed.record)))
        return rows


def full(number: int) -> InputBatch:
    """Return a second of 256 events: a hand that moves, clicks and types; 50 of them differ."""
    dice, n = np.random.default_rng(number % 50), _FULL
    kind = np.where(dice.random(n) < 0.8, 0, 4 + np.arange(n) % 2)
    keys = np.where(kind == 0, 0, dice.integers(0, 20, n))
    zeros = np.zeros(n, np.int64)
    columns = Columns(
        dt=np.sort(dice.integers(0, 1_000_000, n)), kind=kind,
        x=np.clip(600 + np.cumsum(dice.integers(-4, 5, n)), 0, 2000),
        y=np.clip(400 + np.cumsum(dice.integers(-4, 5, n)), 0, 2000),
        code=keys + 38 * (kind > 0), state=zeros, keysym=keys + 97 * (kind > 0), flags=zeros,
        layout=zeros,
    )  # fmt: skip
    return replace(empty_input(), first_seq=1, prev_seq=0, **columns.to_bytes())  # type: ignore[arg-type]


def trace() -> tuple[str, list[InputBatch]]:
    """Return where the recording is from, and its seconds as batches."""
    file = RECORDINGS / "ducktrack" / "events.jsonl"
    if not file.is_file():
        return "scripted", [_part_of(second, 1 + 37 * second % 400) for second in range(32)]
    inputs = read_ducktrack(file).inputs
    seconds = [
        [
            (int(e.kind), e.t_ms % 1000 * 1000, e.x, e.y, e.state)
            for e in inputs
            if e.t_ms // 1000 == at
        ]
        for at in range(inputs[-1].t_ms // 1000 + 1)
    ]
    return "ducktrack", [batch_of(rows, 1, prev_seq=0) for rows in seconds]


def _part_of(seed: int, size: int) -> InputBatch:
    """A second of a hand alone, where there is no recording."""
    dice = np.random.default_rng(seed)
    at = np.sort(dice.integers(0, 1_000_000, size)).tolist()
    x, y = (np.clip(500 + np.cumsum(dice.integers(-4, 5, size)), 0, 2000).tolist() for _ in "xy")
    return batch_of([(0, t, a, b, 0) for t, a, b in zip(at, x, y, strict=True)], 1, prev_seq=0)


def frames(number: int) -> FrameBatch:
    """Return a second with one key frame that does not compress."""
    batch = frame_batch(START_MS, 0)
    data = np.random.default_rng(number % 20).bytes(FRAME_BYTES)
    return replace(batch, frames=(replace(batch.frames[0], data=data),))
