"""Who sends hostile input: devices that are enrolled, revoked, paused, strangers, and one victim.

``Cast`` holds the keys and publishes what the registries say of them; ``Hostile`` is one record and
the fate it must have. Everything but keys comes from a seed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from overt_schemas import codec
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import header as clear
from overt_schemas.envelope import padding
from overt_schemas.envelope.batch import Period, seal_batch
from overt_schemas.ids import Stream
from overt_schemas.records import (
    Beacon,
    Device,
    PauseSpan,
    Person,
    SealedBatch,
    SealSpan,
    Signed,
)
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import BEACON, CONTROL, DEVICE, PERSON, RAW
from tests.processors.world import START_MS, World, frame_batch, input_batch

OTHER_PERSON = "p-00000000000000bb"
HOUR_MS = 3_600_000
# Beacons an hour apart; the second is in force at the world's start.
OLD, IN_FORCE, LATER = 1, 2, 3


class Fate(Enum):
    """What must become of a record."""

    SET_ASIDE = "set_aside"  # a dead letter, as it came
    SAME = "same"  # a part (or mark) equal to the one its first copy gave
    CLONE = "clone"  # a part whose raw hash differs from that of the batch's other part


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """One record, and its fate. ``reasons`` empty: any of the closed list."""

    kind: str
    topic: str
    key: bytes | None
    value: bytes | None
    reasons: frozenset[str] = frozenset()
    fate: Fate = Fate.SET_ASIDE


@dataclass(slots=True)
class Sender:
    """A device and a period of it that is used for all its batches."""

    device: ScriptedDevice
    period: Period

    @classmethod
    def of(cls, device: ScriptedDevice) -> "Sender":
        """Return a sender whose period began at the world's start."""
        return cls(device=device, period=device.period(0, START_MS * 1000))

    def head(self, stream: Stream = Stream.INPUT, **changes: object) -> clear.ClearHeader:
        """Return the next clear header; the batch's number is used up."""
        device = self.device
        head = clear.ClearHeader(
            stream=stream, device=device.device, boot=device.boot, previous=device.previous,
            batch=device.batches, segment=0, period=self.period.header.period, beacon=IN_FORCE,
            schema=ID_OF["InputBatch" if stream is Stream.INPUT else "FrameBatch"],
        )  # fmt: skip
        device.batches += 1
        return replace(head, **changes)  # type: ignore[arg-type]

    def seal_padded(
        self, padded: bytes, stream: Stream = Stream.INPUT, iv: bytes = bytes(12),
        **changes: object,
    ) -> SealedBatch:  # fmt: skip
        """Seal any plaintext genuinely: signature and tag are right."""
        return self.seal_header(padded, self.head(stream, **changes).pack(), iv)

    def seal_header(self, padded: bytes, header: bytes, iv: bytes = bytes(12)) -> SealedBatch:
        """Seal any plaintext under any header bytes."""
        period = self.period
        return SealedBatch(
            period=period.packed, wrap=period.wrap, period_signature=period.signature,
            header=header, iv=iv, ciphertext=period.key.encrypt(iv, padded, header),
        )  # fmt: skip

    def seal(self, record: object, stream: Stream = Stream.INPUT, **changes: object) -> SealedBatch:
        """Seal a batch as an honest device does, with any header."""
        plain = codec.pack(record)
        head = self.head(stream, **changes)
        return seal_batch(self.period, head, plain, self.device.signer).record


@dataclass(slots=True)
class Cast:
    """All senders. ``news`` is what the registries have to say besides the world's own."""

    world: World
    victim: Sender = field(init=False)
    hostile: Sender = field(init=False)
    revoked: Sender = field(init=False)
    paused: Sender = field(init=False)
    withdrawn: Sender = field(init=False)
    stranger: Sender = field(init=False)
    honest: tuple[Sender, ...] = field(init=False)
    _devices: list[Device] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        world.beacons = [
            self._beacon(OLD, START_MS - HOUR_MS), self._beacon(IN_FORCE, START_MS),
            self._beacon(LATER, START_MS + HOUR_MS),
        ]  # fmt: skip
        self.victim = self._join(1)
        self.hostile = self._join(2)
        self.revoked = self._join(3, state="revoked")
        self.paused = self._join(4, pauses=(PauseSpan(from_ms=START_MS - HOUR_MS // 2, to_ms=0),))
        self.withdrawn = self._join(5, consent_ends=START_MS)
        self.stranger = Sender.of(self._device(6))
        self.honest = tuple(self._join(number) for number in range(7, 15))

    def _beacon(self, number: int, issued_ms: int) -> Beacon:
        return self.world.beacon(number, issued_ms)

    def _device(self, number: int) -> ScriptedDevice:
        scripted = self.world.scripted
        return ScriptedDevice(
            device=bytes([0xD0 + number]) * 16, boot=bytes([0xB0 + number]) * 16,
            policy=scripted.policy, consent=f"c-{number:016x}", processor=scripted.processor,
            processor_key=scripted.processor_key,
        )  # fmt: skip

    def _join(
        self, number: int, state: str = "active", pauses: tuple[PauseSpan, ...] = (),
        consent_ends: int = 0,
    ) -> Sender:  # fmt: skip
        world, device = self.world, self._device(number)
        from_ms = START_MS - 2 * HOUR_MS
        self._devices.append(
            Device(
                device=device.device, group=world.device.group, version=1, state=state,
                signing_key=device.signer.public_bytes(), pauses=pauses,
                spans=(SealSpan(person=device.person, from_ms=from_ms, to_ms=0),),
            )
        )  # fmt: skip
        consent = replace(
            world.consent, consent=device.consent, device=device.device, from_ms=from_ms,
            to_ms=consent_ends,
        )  # fmt: skip
        world.person = replace(world.person, consents=(*world.person.consents, consent))
        return Sender.of(device)

    def rows(self) -> Iterable[tuple[str, bytes | None, Signed]]:
        """Yield every registry record with its topic and key, keys first."""
        world, sign = self.world, self.world.authority.sign_record
        other = Person(
            person=OTHER_PERSON, version=1, state="active", consents=(), keys=world.person.keys
        )
        yield CONTROL, b"keyset", world.key_set()
        yield CONTROL, b"policy/lab/1", world.policy
        for device in (world.device, *self._devices):
            yield DEVICE, device.device, sign(device)
        for person in (world.person, other):
            yield PERSON, person.person.encode(), sign(person)
        for beacon in world.beacons:
            yield BEACON, None, sign(beacon)

    def news(self) -> list[Signed]:
        """Return every registry record."""
        return [signed for _, _, signed in self.rows()]


def good(stream: Stream = Stream.INPUT, at_ms: int = START_MS) -> object:
    """Return a batch that an honest device could seal."""
    return input_batch(at_ms) if stream is Stream.INPUT else frame_batch(at_ms, 0, 1)


def record(
    kind: str, sender: Sender, made: object, stream: Stream = Stream.INPUT, reasons: str = "",
    fate: Fate = Fate.SET_ASIDE,
) -> Hostile:  # fmt: skip
    """Return a record of a sender under its own key."""
    return Hostile(
        kind=kind, topic=RAW[stream], key=sender.device.device, value=codec.encode(made),
        reasons=frozenset(reasons.split()), fate=fate,
    )  # fmt: skip


def pad(body: bytes) -> bytes:
    """Return compressed bytes, padded as they must be, whatever they are."""
    size = 4 + len(body)
    return len(body).to_bytes(4, "little") + body + bytes(padding.padme(size) - size)
