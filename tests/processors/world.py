"""A small world that signs like the real one: root, authority, processors, devices, people.

Nothing here is random but keys, so that a test can say when everything happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from overt_processors.core import refine
from overt_processors.core.opening import Keys
from overt_processors.core.outcome import Now, Outcome, Raw
from overt_processors.core.registry import News, Registries, learn
from overt_schemas import codec, hpke
from overt_schemas.columns import Columns
from overt_schemas.envelope.batch import Period, Sealed
from overt_schemas.ids import Stream, week_of
from overt_schemas.records import (
    Beacon,
    ConsentSpan,
    Device,
    Frame,
    FrameBatch,
    InputBatch,
    KeyCert,
    KeySet,
    Person,
    PersonKey,
    Policy,
    PolicyRef,
    SealSpan,
    Signed,
)
from overt_schemas.signing import (
    AUTHORITY,
    PROCESSOR_SEAL,
    PROCESSOR_SIGN,
    ROOT,
    Keyring,
    SigningKey,
    policy_hash,
)
from overt_schemas.testing import ScriptedDevice, empty_input
from overt_schemas.topics import FRAME, INPUT

START_MS = 1_764_000_000_000  # 2025-11-24T16:00:00Z
FOR_EVER_MS = 4_000_000_000_000
GROUP = "lab"
PURPOSES = ("research",)
NOW = Now(wall_ms=START_MS + 60_000, boot_ns=1_000_000_000)


def spoilt(data: bytes) -> bytes:
    """The bytes with the last one changed, whatever it is."""
    return data[:-1] + bytes([data[-1] ^ 1])


def input_batch(at_ms: int, events: int = 3, **changes: object) -> InputBatch:
    """Return a second of key presses and releases that begins at ``at_ms``."""
    zeros = np.zeros(events, np.int64)
    columns = Columns(
        dt=np.arange(events) * 1000, kind=4 + np.arange(events) % 2, x=zeros, y=zeros,
        code=zeros + 38, state=zeros, keysym=zeros + 97, flags=zeros, layout=zeros,
    )  # fmt: skip
    fields: dict[str, Any] = {**columns.to_bytes(), **changes}
    return empty_input(start_us=at_ms * 1000, **fields)


def frame_batch(at_ms: int, *numbers: int, **changes: object) -> FrameBatch:
    """Return a second of small frames; without numbers, one in which nothing happened."""
    frames = tuple(
        Frame(
            number=number, t_us=(at_ms + 10 * i) * 1000, until_us=(at_ms + 10 * i + 5) * 1000,
            last_seq=i, actions=i, epoch=0, width=2, height=2, monitors=(), key=number == 0,
            base=number - 1, chunk=0, chunks=1, ops=(), data=b"", hash=bytes(16),
        )
        for i, number in enumerate(numbers)
    )  # fmt: skip
    fields: dict[str, object] = {
        "activity": 0, "first": False, "final": False, "ended": "",
        "prev_frame": (numbers[0] if numbers else 0) - 1, "frames": frames, "gaps": (),
    }  # fmt: skip
    return FrameBatch(**{**fields, **changes})  # type: ignore[arg-type]


@dataclass
class World:
    """Keys and the registry records they sign; fields may be changed before ``registries()``."""

    root: SigningKey = field(default_factory=lambda: SigningKey.generate(ROOT))
    authority: SigningKey = field(default_factory=lambda: SigningKey.generate("authority-1"))
    signer: SigningKey = field(default_factory=lambda: SigningKey.generate("sign-1"))
    person_key: hpke.PrivateKey = field(default_factory=hpke.PrivateKey.generate)
    scripted: ScriptedDevice = field(default_factory=ScriptedDevice)
    offset: int = 0
    key_set_version: int = 1

    def __post_init__(self) -> None:
        self.policy_record = Policy(
            group=GROUP, version=1, notice="We would like to watch.", purposes=PURPOSES,
            apps=("ed",), keep_titles=False, synthetic=True, idle_gap_s=300, segment_s=10,
            segment_bytes=8_000_000, period_s=600, frame_interval_ms=100, hold_back_ms=500,
            spool_age_h=72, spool_bytes=1_000_000_000,
        )  # fmt: skip
        self.policy = self.authority.sign_record(self.policy_record)
        self.scripted.policy = policy_hash(self.policy)
        self.device = Device(
            device=self.scripted.device, group=GROUP, version=1, state="active",
            signing_key=self.scripted.signer.public_bytes(),
            spans=(SealSpan(person=self.scripted.person, from_ms=START_MS - 1000, to_ms=0),),
            pauses=(),
        )  # fmt: skip
        self.consent = ConsentSpan(
            consent=self.scripted.consent, device=self.scripted.device,
            policy=self.scripted.policy, purposes=PURPOSES, from_ms=START_MS - 500, to_ms=0,
        )  # fmt: skip
        self.person = Person(
            person=self.scripted.person, version=1, state="active", consents=(self.consent,),
            keys=(
                PersonKey(
                    key_id="k-1", week=week_of(START_MS), public=self.person_key.public_bytes()
                ),
            ),
        )  # fmt: skip
        self.beacons = [self.beacon(1, START_MS)]

    def beacon(self, number: int, issued_ms: int, *paused: str, policy: str = "") -> Beacon:
        """Return a beacon that is valid for a minute."""
        ref = PolicyRef(group=GROUP, policy=policy or self.scripted.policy)
        return Beacon(
            number=number, issued_ms=issued_ms, valid_until_ms=issued_ms + 60_000,
            paused_groups=paused, tags=(), policies=(ref,),
        )  # fmt: skip

    def change_device(self, **changes: object) -> None:
        """Publish the device anew."""
        version = self.device.version + 1
        self.device = replace(self.device, **{"version": version, **changes})  # type: ignore[arg-type]

    def change_person(self, **changes: object) -> None:
        """Publish the person anew."""
        version = self.person.version + 1
        self.person = replace(self.person, **{"version": version, **changes})  # type: ignore[arg-type]

    def key_set(self) -> Signed:
        """Return all keys, signed by the root."""
        public = (
            ("authority-1", AUTHORITY, self.authority.public_bytes()),
            ("sign-1", PROCESSOR_SIGN, self.signer.public_bytes()),
            (self.scripted.processor_key, PROCESSOR_SEAL, self.scripted.processor.public_bytes()),
        )
        certs = tuple(
            KeyCert(key_id=i, role=r, public=p, not_before_ms=0, not_after_ms=FOR_EVER_MS)
            for i, r, p in public
        )
        return self.root.sign_record(KeySet(version=self.key_set_version, certs=certs))

    def news(self) -> list[Signed]:
        """Return all registry records, signed."""
        records = (self.device, self.person, *self.beacons)
        return [self.key_set(), self.policy, *(self.authority.sign_record(r) for r in records)]

    def registries(self, news: Iterable[Signed] | None = None) -> Registries:
        """Return what a processor knows once it has read everything."""
        items = [
            News(signed=s, append_ms=START_MS) for s in (self.news() if news is None else news)
        ]
        learnt = learn(Registries(keyring=Keyring(root=self.root.public_bytes())), items)
        assert learnt.refused == ()
        return learnt.registries

    def keys(self) -> Keys:
        """Return the processors' keys."""
        epochs = {self.scripted.processor_key: self.scripted.processor}
        return Keys(epochs=epochs, signer=self.signer)

    def period(self, number: int = 0, at_ms: int = START_MS) -> Period:
        """Return a period that began at ``at_ms``."""
        return self.scripted.period(number, at_ms * 1000)

    def seal(
        self, record: InputBatch | FrameBatch, period: Period | None = None, **how: int
    ) -> Sealed:
        """Return a batch as the device seals it."""
        stream = Stream.FRAME if isinstance(record, FrameBatch) else Stream.INPUT
        return self.scripted.seal(period or self.period(), record, stream=stream, **how)

    def raw(self, record: object, topic: str = INPUT, **changes: object) -> Raw:
        """Return a record as Kafka would give it, at the next offset."""
        fields = {
            "topic": topic, "partition": 2, "offset": self.offset, "key": self.scripted.device,
            "value": codec.encode(record),
        }  # fmt: skip
        self.offset += 1
        return Raw(**{**fields, **changes})  # type: ignore[arg-type]

    def refine(
        self, record: object, topic: str = INPUT, *, settled: bool = True, **changes: object
    ) -> Outcome:
        """Return what a fresh processor makes of a record."""
        memory, raw = refine.Memory(), self.raw(record, topic, **changes)
        return refine.step(memory, self.registries(), self.keys(), raw, NOW, settled=settled)

    def refine_batch(
        self, record: InputBatch | FrameBatch, *, settled: bool = True, **how: int
    ) -> Outcome:
        """Return what a fresh processor makes of a batch the device seals now."""
        topic = FRAME if isinstance(record, FrameBatch) else INPUT
        return self.refine(self.seal(record, None, **how).record, topic, settled=settled)
