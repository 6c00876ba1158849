"""Public twins for tests: a clock that moves when told, and records that seal and open.

Users of the contract may import these; nothing here reads a clock, a file or a network.
"""

from dataclasses import dataclass, field

from overt_schemas import codec, hpke
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import batch, header
from overt_schemas.ids import Stream
from overt_schemas.records import InputBatch, PeriodHeader
from overt_schemas.signing import SigningKey, device_key_id


@dataclass(slots=True)
class FakeClock:
    """A ``Clock`` that stands still until ``advance``."""

    wall: int = 1_764_000_000_000_000
    boot: int = 1_000_000_000

    def wall_us(self) -> int:
        """Unix microseconds."""
        return self.wall

    def boot_ns(self) -> int:
        """Nanoseconds since boot."""
        return self.boot

    def advance(self, seconds: float) -> None:
        """Move both clocks on."""
        self.wall += round(seconds * 1e6)
        self.boot += round(seconds * 1e9)


def empty_input(activity: int = 0, start_us: int = 0, **changes: object) -> InputBatch:
    """Return an input batch without events; ``changes`` replace fields."""
    fields: dict[str, object] = {
        "activity": activity, "first": False, "final": False, "ended": "", "start_us": start_us,
        "first_seq": 0, "prev_seq": -1, "prev_event_us": 0, "frame_actions": 0, "seq": b"",
        "dt": b"", "kind": b"", "x": b"", "y": b"", "code": b"", "state": b"", "keysym": b"",
        "flags": b"", "layout": b"", "contexts": (), "gaps": (),
    }  # fmt: skip
    return InputBatch(**{**fields, **changes})  # type: ignore[arg-type]


@dataclass(slots=True)
class ScriptedDevice:
    """One device with fixed keys that seals batches one after the other, chained."""

    device: bytes = bytes(range(16))
    boot: bytes = bytes(range(16, 32))
    person: str = "p-0123456789abcdef"
    policy: str = "0" * 64
    consent: str = "c-0123456789abcdef"
    processor: hpke.PrivateKey = field(default_factory=hpke.PrivateKey.generate)
    processor_key: str = "seal-test"
    batches: int = 0
    previous: bytes = header.FIRST

    @property
    def signer(self) -> SigningKey:
        """The device's signing key."""
        return SigningKey(device_key_id(self.device), bytes(32))

    def period(self, number: int = 0, started_us: int = 0) -> batch.Period:
        """Return a new period of this device."""
        head = PeriodHeader(
            version=1, device=self.device, boot=self.boot, person=self.person, period=number,
            started_us=started_us, policy=self.policy, consent=self.consent,
            processor_key=self.processor_key,
        )  # fmt: skip
        return batch.open_period(head, self.processor.public_bytes(), self.signer)

    def seal(
        self, period: batch.Period, record: object, *, segment: int = 0, beacon: int = 1,
        stream: Stream = Stream.INPUT,
    ) -> batch.Sealed:  # fmt: skip
        """Return the next batch in the chain, sealed."""
        head = header.ClearHeader(
            stream=stream, device=self.device, boot=self.boot, previous=self.previous,
            batch=self.batches, segment=segment, period=period.header.period, beacon=beacon,
            schema=ID_OF[type(record).__name__],
        )  # fmt: skip
        sealed = batch.seal_batch(period, head, codec.pack(record), self.signer)
        self.batches, self.previous = self.batches + 1, sealed.hash
        return sealed
