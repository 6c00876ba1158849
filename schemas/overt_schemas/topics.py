"""The catalogue of topics: name, key, schemas, retention, class of data, partitions.

``deploy/topology`` declares the same topics with their settings for the reconciler; a test keeps
both equal. Partition counts are part of the contract: refine writes the part of raw partition n
to part partition n.
"""

from dataclasses import dataclass
from enum import Enum

from overt_schemas.ids import Stream

INPUT = "overt.input.v1"
FRAME = "overt.frame.v1"
PRESENCE = "overt.presence.v1"
CONSENT = "overt.consent.v1"
BEACON = "overt.beacon.v1"
CONTROL = "overt.control.v1"
DEVICE = "overt.device.v1"
PERSON = "overt.person.v1"
GRANT = "overt.grant.v1"
PART = "overt.part.v1"
SESSION = "overt.session.v1"
AUDIT = "overt.audit.v1"
DEADLETTER = "overt.deadletter.v1"

RAW = {Stream.INPUT: INPUT, Stream.FRAME: FRAME}
PARTITIONER = "murmur2_random"  # librdkafka's default is CRC32; Faust and Java hash by murmur2

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class DataClass(Enum):
    """How much a leak of the topic's bytes would cost."""

    SEALED = "sealed content"
    REGISTRY = "keys, states and spans; no content"
    CONTROL = "signed instructions; public inside"
    TRACE = "who did what; pseudonyms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One entry of the catalogue; ``retention_ms`` is None where the topic is compacted."""

    name: str
    key: str
    schemas: tuple[str, ...]
    partitions: int
    data: DataClass
    retention_ms: int | None


def _topic(
    name: str, key: str, schemas: str, partitions: int, data: DataClass, keep: int | None
) -> Topic:
    return Topic(
        name=name, key=key, schemas=tuple(schemas.split()), partitions=partitions,
        data=data, retention_ms=keep,
    )  # fmt: skip


CATALOGUE: dict[str, Topic] = {
    t.name: t
    for t in (
        _topic(INPUT, "device", "SealedBatch Tombstone Signed", 4, DataClass.SEALED, 72 * _HOUR_MS),
        _topic(FRAME, "device", "SealedBatch Tombstone", 4, DataClass.SEALED, 72 * _HOUR_MS),
        _topic(PRESENCE, "device", "Signed", 4, DataClass.TRACE, 7 * _DAY_MS),
        _topic(CONSENT, "device", "Signed", 4, DataClass.TRACE, 30 * _DAY_MS),
        _topic(BEACON, "-", "Signed", 1, DataClass.CONTROL, 14 * _DAY_MS),
        _topic(CONTROL, "kind/scope/version", "Signed", 1, DataClass.CONTROL, None),
        _topic(DEVICE, "device", "Signed", 1, DataClass.REGISTRY, None),
        _topic(PERSON, "person", "Signed", 1, DataClass.REGISTRY, None),
        _topic(GRANT, "grant", "Signed", 1, DataClass.REGISTRY, None),
        _topic(PART, "device", "Part Marker", 4, DataClass.SEALED, 7 * _DAY_MS),
        _topic(SESSION, "device", "Session", 4, DataClass.TRACE, 30 * _DAY_MS),
        _topic(AUDIT, "-", "AuditEntry", 1, DataClass.TRACE, 365 * _DAY_MS),
        _topic(DEADLETTER, "source", "DeadLetter Verdict", 4, DataClass.SEALED, 7 * _DAY_MS),
    )
}
