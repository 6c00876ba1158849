"""Sealing again: segments with their data keys, parts, marks.

A data key is random and lives in this process only, wrapped to the person; a restart makes another
for the same segment, and readers know both. Segments are kept per (device, boot, stream), so the
next segment of a device drops the one before; all are dropped on revoke, and each after 120 s.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from overt_processors.core.admission import Admitted
from overt_processors.core.outcome import Raw
from overt_schemas import hpke
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope.header import ClearHeader
from overt_schemas.envelope.marks import BootEndMark, TombstoneMark, WithheldMark
from overt_schemas.envelope.part import (
    PartHeader,
    Segment,
    SegmentHeader,
    commitment,
    open_segment,
    seal_part,
)
from overt_schemas.ids import day_of, new_id
from overt_schemas.records import (
    BootEnd,
    FrameBatch,
    InputBatch,
    Part,
    PeriodHeader,
    SealedBatch,
    Tombstone,
)
from overt_schemas.signing import SigningKey

KEY_LIFE_NS = 120 * 1_000_000_000
_SEGMENTS_LIMIT = 16_384  # 2 KB each; past it the oldest pays 70 us for a new wrap


class _Context(NamedTuple):
    """All that a segment header says of a segment; if any of it differs, it is another.

    Made and compared for every batch: a tuple does both in a quarter of the time.
    """

    segment: int
    activity: int
    person: str
    day: str
    policy: str
    consent: str
    purposes: tuple[str, ...]
    person_key: str
    processor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    context: _Context
    segment: Segment
    since_ns: int


class Segments:
    """The data keys in use, bounded in number and age. Oldest first."""

    def __init__(self, limit: int = _SEGMENTS_LIMIT) -> None:
        self._limit = limit
        self._held: OrderedDict[tuple[bytes, bytes, int], _Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def clear(self) -> None:
        """Drop all keys (partitions were revoked)."""
        self._held.clear()

    def get(self, head: ClearHeader, context: _Context, public: bytes, now_ns: int) -> Segment:
        """Return the segment, with the key it has or a new one."""
        self._age(now_ns)
        name = (head.device, head.boot, int(head.stream))
        held = self._held.get(name)
        if held is not None and held.context == context:
            return held.segment
        segment = _open(head, context, public)
        self._held.pop(name, None)
        self._held[name] = _Held(context=context, segment=segment, since_ns=now_ns)
        if len(self._held) > self._limit:
            self._held.popitem(last=False)
        return segment

    def _age(self, now_ns: int) -> None:
        while self._held:
            name, oldest = next(iter(self._held.items()))
            if now_ns - oldest.since_ns < KEY_LIFE_NS:
                return
            del self._held[name]


def _open(head: ClearHeader, context: _Context, public: bytes) -> Segment:
    key = secrets.token_bytes(hpke.KEY_BYTES)
    header = SegmentHeader(
        person=context.person, device=head.device, boot=head.boot, activity=context.activity,
        stream=int(head.stream), segment=context.segment, day=context.day, policy=context.policy,
        consent=context.consent, purposes=context.purposes, processor=context.processor,
        data_key=new_id(), commitment=commitment(key),
    )  # fmt: skip
    return open_segment(header, key, public, context.person_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """An opened batch on its way into a part."""

    raw: Raw
    record: SealedBatch
    head: ClearHeader
    period: PeriodHeader
    padded: bytes
    batch: InputBatch | FrameBatch
    flags: tuple[str, ...]


def part_of(
    segments: Segments, content: Content, admitted: Admitted, signer: SigningKey, now_ns: int
) -> Part:
    """Return the batch sealed for the person, in the padded plaintext that stands beside it."""
    head, batch = content.head, content.batch
    context = _Context(
        segment=head.segment, activity=batch.activity, person=admitted.person.person,
        day=day_of(admitted.first_ms), policy=content.period.policy,
        consent=content.period.consent, purposes=admitted.consent.purposes,
        person_key=admitted.key.key_id, processor=signer.key_id,
    )  # fmt: skip
    segment = segments.get(head, context, admitted.key.public, now_ns)
    header = PartHeader(
        segment=segment.info, batch=head.batch, raw=envelope.hash_of(content.record),
        previous=head.previous, partition=content.raw.partition, offset=content.raw.offset,
        schema=head.schema, first=batch.first, final=batch.final, flags=content.flags,
    )  # fmt: skip
    return seal_part(segment, header, content.padded, signer)


def tombstone_mark(
    raw: Raw, record: Tombstone, head: ClearHeader, period: PeriodHeader
) -> TombstoneMark:
    """Return the mark of a batch that its device dropped on purpose."""
    return TombstoneMark(
        person=period.person, device=head.device, boot=head.boot, stream=int(head.stream),
        batch=head.batch, segment=head.segment, day=day_of(period.started_us // 1000),
        reason=record.reason, raw=envelope.hash_of(record), previous=head.previous,
        partition=raw.partition, offset=raw.offset,
    )  # fmt: skip


def withheld_mark(content: Content, reason: str, at_ms: int) -> WithheldMark:
    """Return the mark of a batch that its device sealed and the registries forbid."""
    head, raw = content.head, content.raw
    return WithheldMark(
        person=content.period.person, device=head.device, boot=head.boot, stream=int(head.stream),
        batch=head.batch, segment=head.segment, day=day_of(at_ms), reason=reason,
        raw=envelope.hash_of(content.record), previous=head.previous, partition=raw.partition,
        offset=raw.offset,
    )  # fmt: skip


def boot_end_mark(raw: Raw, end: BootEnd) -> BootEndMark:
    """Return the mark of a boot that ended."""
    return BootEndMark(
        person=end.person, device=end.device, boot=end.boot, input_batches=end.input_batches,
        frame_batches=end.frame_batches, day=day_of(end.at_us // 1000), clean=end.clean,
        partition=raw.partition, offset=raw.offset,
    )  # fmt: skip
