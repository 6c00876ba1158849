"""Batches to sealed records, chained, under a content key that is dropped with its period.

A period lives at most ``policy.period_s`` and never outlives the terms it was made for: another
policy, consent, person or processors' key begins a new one. The key exists in this object alone.
Each stream has its own chain of hashes. Together with each batch its tombstone is signed, so that
content can be let go later without this process and still nobody can invent a hole.
"""

from dataclasses import dataclass

from overt_producer.pipeline import Batch, Now
from overt_schemas import codec
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope.header import FIRST, ClearHeader
from overt_schemas.ids import Stream
from overt_schemas.records import KeyCert, PeriodHeader
from overt_schemas.signing import SigningKey

PERIOD_LIMIT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolBatch:
    """A sealed batch as the spool takes it: framed bytes, and what is counted of it."""

    boot: bytes
    stream: Stream
    number: int
    consent: str
    person: str
    record: bytes
    tombstone: bytes
    events: int
    dropped: dict[str, int]


class Sealer:
    """Seals the batches of one boot, in order."""

    def __init__(self, device: bytes, boot: bytes, signer: SigningKey) -> None:
        self._device, self._boot, self._signer = device, boot, signer
        self._period: envelope.Period | None = None
        self._terms: tuple[str, ...] = ()
        self._ends_ns = 0
        self._periods = 0
        self._previous = {Stream.INPUT: FIRST, Stream.FRAME: FIRST}

    def seal(self, batch: Batch, processors: KeyCert, now: Now) -> SpoolBatch:
        """Return the batch sealed to the processors' key; the caller spools it before the next."""
        period = self._period_for(batch, processors, now)
        head = ClearHeader(
            stream=batch.stream, device=self._device, boot=self._boot,
            previous=self._previous[batch.stream], batch=batch.number, segment=batch.segment,
            period=period.header.period, beacon=batch.permit.beacon,
            schema=ID_OF[type(batch.record).__name__],
        )  # fmt: skip
        sealed = envelope.seal_batch(period, head, batch.packed, self._signer)
        self._previous[batch.stream] = sealed.hash
        return SpoolBatch(
            boot=self._boot, stream=batch.stream, number=batch.number,
            consent=batch.permit.consent, person=batch.permit.person,
            record=codec.encode(sealed.record), tombstone=codec.encode(sealed.tombstone),
            events=batch.events, dropped=dict(batch.dropped),
        )  # fmt: skip

    def forget(self) -> None:
        """Drop the content key; the next batch begins a new period."""
        self._period = None

    def _period_for(self, batch: Batch, processors: KeyCert, now: Now) -> envelope.Period:
        terms = (*batch.permit.terms, processors.key_id)
        if self._period is None or terms != self._terms or now.boot_ns >= self._ends_ns:
            permit = batch.permit
            header = PeriodHeader(
                version=1, device=self._device, boot=self._boot, person=permit.person,
                period=self._periods, started_us=now.wall_us, policy=permit.policy,
                consent=permit.consent, processor_key=processors.key_id,
            )  # fmt: skip
            self._period = envelope.open_period(header, processors.public, self._signer)
            self._periods += 1
            self._terms = terms
            life_s = min(permit.rules.period_s, PERIOD_LIMIT_S)
            self._ends_ns = now.boot_ns + life_s * 1_000_000_000
        return self._period
