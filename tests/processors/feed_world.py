"""Grants beside the small world, and records of overt.part.v1 that its processor signed."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from overt_processors.core import feed
from overt_processors.core.registry import Registries
from overt_schemas import codec
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import marks, padding, part
from overt_schemas.ids import Stream
from overt_schemas.records import Grant
from overt_schemas.signing import SigningKey
from tests.processors.world import START_MS, World, input_batch

PURPOSE = "research"
NOW_MS = START_MS + 60_000
DAY = "2025-11-24"


def grant(name: str, world: World, **changes: Any) -> Grant:
    """Return a grant over the world's person that two people approved."""
    fields: dict[str, Any] = {
        "grant": name, "version": 1, "subscriber": "alice", "purpose": PURPOSE,
        "cohort": (world.person.person,), "streams": (0, 1), "not_before_ms": START_MS,
        "not_after_ms": START_MS + 86_400_000, "approvers": ("op-1", "op-2"), "state": "active",
    }  # fmt: skip
    return Grant(**{**fields, **changes})


@dataclass
class Parts:
    """Makes parts and marks of the world's device."""

    world: World
    batch: int = 0
    segments: dict[Any, part.Segment] = field(default_factory=dict)

    def header(self, **changes: Any) -> part.SegmentHeader:
        """Return a segment header as refine writes it."""
        world = self.world
        fields: dict[str, Any] = {
            "person": world.person.person, "device": world.device.device,
            "boot": world.scripted.boot, "activity": 0, "stream": int(Stream.INPUT), "segment": 0,
            "day": DAY, "policy": world.scripted.policy, "consent": world.scripted.consent,
            "purposes": (PURPOSE,), "processor": world.signer.key_id, "data_key": bytes(16),
            "commitment": part.commitment(bytes(32)),
        }  # fmt: skip
        return part.SegmentHeader(**{**fields, **changes})

    def part(self, signer: SigningKey | None = None, **changes: Any) -> bytes:
        """Return the framed part of the next batch."""
        header = self.header(**changes)
        segment = part.open_segment(header, bytes(32), self.world.person_key.public_bytes(), "k-1")
        name = part.PartHeader(
            segment=segment.info, batch=self.batch, raw=secrets.token_bytes(32), previous=bytes(32),
            partition=0, offset=self.batch, schema=ID_OF["InputBatch"], first=False, final=False,
        )  # fmt: skip
        self.batch += 1
        padded = padding.pack(codec.pack(input_batch(START_MS)))
        return codec.encode(part.seal_part(segment, name, padded, signer or self.world.signer))

    def mark(self, kind: type[Any] = marks.TombstoneMark, **changes: Any) -> bytes:
        """Return a framed mark."""
        world = self.world
        fields: dict[str, Any] = {
            "person": world.person.person, "device": world.device.device,
            "boot": world.scripted.boot, "day": DAY, "partition": 0, "offset": 0,
        }  # fmt: skip
        if kind is marks.BootEndMark:
            fields |= {"input_batches": 1, "frame_batches": 1, "clean": False}
        elif kind is marks.NoticeMark:
            fields = {"topic": "overt.input.v1", "topic_id": "t", "partition": 0,
                      "from_offset": 1, "to_offset": 2, "day": DAY}  # fmt: skip
        else:
            fields |= {"stream": 0, "batch": 3, "segment": 0, "raw": bytes(32),
                       "previous": bytes(32), "reason": "age"}  # fmt: skip
        return codec.encode(marks.seal_mark(kind(**{**fields, **changes}), b"", world.signer))


def registries(world: World, *grants: Grant) -> Registries:
    """Return what a feed app knows once it has read everything."""
    return world.registries([*world.news(), *(world.authority.sign_record(g) for g in grants)])


def routed(known: Registries, value: bytes | None, now_ms: int = NOW_MS) -> tuple[str, ...]:
    """Return the grants that a record goes to."""
    return feed.route(feed.Table().follow(known.grants), known, value, START_MS, now_ms).grants
