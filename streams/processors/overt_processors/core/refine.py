"""One raw record in, one outcome out: the whole of refine, without Kafka.

The outcome depends on the record, the registries and the keys alone; ``Memory`` only saves work
(and holds the random data keys of this run). So a replay gives a part of the same batch.
"""

from dataclasses import dataclass, field, replace

from overt_processors.core import activity, admission, opening, pictures, sealing
from overt_processors.core.opening import Keys
from overt_processors.core.outcome import (
    Dropped,
    Erased,
    Marked,
    Now,
    Outcome,
    Raw,
    Sealed,
    SetAside,
    Unknown,
    Unsure,
)
from overt_processors.core.registry import Registries
from overt_processors.core.thinning.rules import thin
from overt_schemas import codec
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import padding
from overt_schemas.envelope.marks import BOOT_END, TOMBSTONE, WITHHELD_REASONS, seal_mark
from overt_schemas.errors import Malformed, Permanent, Refused, Untrusted
from overt_schemas.records import (
    BootEnd,
    DeadLetter,
    FrameBatch,
    Policy,
    SealedBatch,
    Signed,
    Tombstone,
)
from overt_schemas.signing import device_key_id, open_record

_COUNTS = range(2**40)


@dataclass(slots=True, kw_only=True)
class Memory:
    """What a worker keeps from one record to the next."""

    periods: opening.Periods = field(default_factory=opening.Periods)
    segments: sealing.Segments = field(default_factory=sealing.Segments)

    def clear(self) -> None:
        """Forget all keys: the partitions are somebody else's now."""
        self.periods.clear()
        self.segments.clear()


def step(
    memory: Memory, registries: Registries, keys: Keys, raw: Raw, now: Now, *, settled: bool = False
) -> Outcome:
    """Return what becomes of ``raw``.

    ``settled`` says that the registries were read to their end after the record was seen: then
    unknown means forbidden, and nothing is ``Unsure`` any more.
    """
    try:
        return _refine(memory, registries, keys, raw, now)
    except Erased as exc:
        return Dropped(reason=exc.reason)
    except Unknown as exc:
        return set_aside(raw, keys, exc.reason, now) if settled else Unsure(reason=exc.reason)
    except Permanent as exc:
        return set_aside(raw, keys, exc.reason, now)


def set_aside(raw: Raw, keys: Keys, reason: str, now: Now) -> SetAside:
    """Return the record in a dead letter, key and value whole: that topic has room for both."""
    letter = DeadLetter(
        topic=raw.topic, partition=raw.partition, offset=raw.offset,
        key=raw.key or b"", value=raw.value or b"", reason=reason,
        at_ms=now.wall_ms, processor=keys.signer.key_id,
    )  # fmt: skip
    return SetAside(letter=letter, reason=reason)


def _refine(memory: Memory, registries: Registries, keys: Keys, raw: Raw, now: Now) -> Outcome:
    record = opening.decode(raw)
    match record:
        case SealedBatch():
            return _batch(memory, registries, keys, raw, record, now)
        case Tombstone():
            return _tombstone(registries, keys, raw, record)
        case Signed():
            return _boot_end(registries, keys, raw, record)


def _batch(
    memory: Memory, registries: Registries, keys: Keys, raw: Raw, record: SealedBatch, now: Now
) -> Sealed | SetAside:
    head = opening.read_header(raw, record)
    device = admission.device_of(registries, head.device)
    period = memory.periods.open(record, device.signing_key, keys)
    opening.check_period(head, period.header)
    # Before anything is opened: what belongs to somebody erased is not looked at.
    admission.person_of(registries, period.header.person)
    padded, batch = opening.open_batch(record, head, period.key)
    reading = activity.read(batch)
    if isinstance(batch, FrameBatch):
        pictures.check(batch)
    content = sealing.Content(
        raw=raw, record=record, head=head, period=period.header, padded=padded, batch=batch,
        flags=reading.flags,
    )  # fmt: skip
    try:
        admitted = admission.admit(registries, device, head, period.header, reading.span)
    except Refused as exc:
        if exc.reason not in WITHHELD_REASONS:
            raise
        first_us = reading.span.first_us if reading.span else period.header.started_us
        return _withheld(keys, content, exc.reason, first_us // 1000, now)
    thinned = _thinned(content, reading, registries.policies[period.header.policy])
    part = sealing.part_of(memory.segments, thinned, admitted, keys.signer, now.boot_ns)
    gaps = thinned.batch.gaps[len(batch.gaps) :]
    return Sealed(part=part, flags=reading.flags, thinned=gaps)


def _thinned(
    content: sealing.Content, reading: activity.Reading, policy: Policy
) -> sealing.Content:
    """Return what the policy keeps; the opened plaintext as it is, where that is all of it."""
    batch = thin(content.batch, reading, policy)
    if batch is content.batch:
        return content
    padded = padding.pack(codec.pack(batch))
    # A part is never larger than its record, so that it fits the topic whatever was in it. (Seqs
    # take 4 bytes an event once they have holes; that can be more than a few moves took.)
    if len(padded) > len(content.padded):
        return content
    return replace(content, batch=batch, padded=padded)


def _withheld(keys: Keys, content: sealing.Content, reason: str, at_ms: int, now: Now) -> SetAside:
    """Set aside a batch that is genuine and was forbidden, and say so where it is missing."""
    marker = seal_mark(sealing.withheld_mark(content, reason, at_ms), b"", keys.signer)
    return replace(set_aside(content.raw, keys, reason, now), marker=marker)


def _tombstone(registries: Registries, keys: Keys, raw: Raw, record: Tombstone) -> Marked:
    head = opening.read_header(raw, record)
    device = admission.device_of(registries, head.device)
    period = envelope.verify_period(record, device.signing_key)
    opening.check_period(head, period)
    envelope.verify_tombstone(record, device.signing_key)
    admission.person_of(registries, period.person)
    admission.seals_for(device, period.person)
    mark = sealing.tombstone_mark(raw, record, head, period)
    return Marked(marker=seal_mark(mark, raw.value or b"", keys.signer), kind=TOMBSTONE)


def _boot_end(registries: Registries, keys: Keys, raw: Raw, signed: Signed) -> Marked:
    if raw.key is None or signed.key_id != device_key_id(raw.key):
        raise Untrusted("record's key is not the device that signed", reason="key")
    device = admission.device_of(registries, raw.key)
    end = open_record(signed, device.signing_key, BootEnd)
    if end.device != device.device:
        raise Untrusted("boot end of another device", reason="header")
    opening.in_range(end.at_us)
    if end.input_batches not in _COUNTS or end.frame_batches not in _COUNTS:
        raise Malformed("boot end counts what no boot can hold", reason="bounds")
    admission.person_of(registries, end.person)
    admission.seals_for(device, end.person)
    mark = sealing.boot_end_mark(raw, end)
    return Marked(marker=seal_mark(mark, raw.value or b"", keys.signer), kind=BOOT_END)
