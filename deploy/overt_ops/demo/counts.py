"""What stands where, as the operator may see it: offsets and rows, never content."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from overt_schemas import topics
from overt_schemas.client import Config
from overt_schemas.errors import Permanent, Transient

GROUPS = {"refine-input": topics.INPUT, "refine-frame": topics.FRAME, "sink": topics.PART}
REFINE = ("refine-input", "refine-frame")
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Records and objects of the part topic in the index, from a mark on."""

    records: int
    objects: int


def broker(connection: Config) -> AdminClient:
    """Return a client for what follows."""
    return AdminClient(connection)


def ends(admin: AdminClient, topic: str) -> dict[int, int]:
    """Return the end offset of each partition."""
    wanted = {
        TopicPartition(topic, n): OffsetSpec.latest()
        for n in range(topics.CATALOGUE[topic].partitions)
    }
    try:
        found = admin.list_offsets(wanted, request_timeout=_TIMEOUT_S)
        return {where.partition: answer.result().offset for where, answer in found.items()}
    except KafkaException as exc:
        raise Transient(f"no end offsets of {topic}: {exc.args[0].name()}") from exc


def lag(connection: Config, group: str) -> int:
    """Return how many records of its topic a group has not committed yet.

    Asked as a consumer: librdkafka 2.16's admin call dies while a coordinator loads.
    """
    topic = GROUPS[group]
    count = topics.CATALOGUE[topic].partitions
    asker = Consumer({**connection, "group.id": group, "enable.auto.commit": False})
    try:
        where = asker.committed([TopicPartition(topic, n) for n in range(count)], _TIMEOUT_S)
        ends = [asker.get_watermark_offsets(p, _TIMEOUT_S, cached=False)[1] for p in where]
    except KafkaException as exc:
        raise Transient(f"no offsets of group {group}: {exc.args[0].name()}") from exc
    finally:
        asker.close()
    return sum(end - max(p.offset, 0) for p, end in zip(where, ends, strict=True))


def stored(index: Path, since: Mapping[int, int]) -> Stored:
    """Return what the index holds of offsets at or behind ``since``, by partition."""
    if not index.exists():
        return Stored(records=0, objects=0)
    uri = f"file:{index}?mode=ro"
    where = (
        "SELECT COALESCE(SUM(records), 0), COUNT(*) FROM links "
        "WHERE kafka_part = ? AND first_offset >= ?"
    )
    with sqlite3.connect(uri, uri=True, timeout=5) as base:
        rows = [base.execute(where, item).fetchone() for item in since.items()]
    base.close()
    return Stored(records=sum(row[0] for row in rows), objects=sum(row[1] for row in rows))


def an_object(index: Path) -> str:
    """Return the name of some stored object, as somebody might have overheard it.

    Raises:
        Permanent: there is none, so that nobody can be refused one.
    """
    with sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=5) as base:
        row = base.execute("SELECT object FROM objects ORDER BY created_ms DESC LIMIT 1").fetchone()
    base.close()
    if row is None:
        raise Permanent("no object was stored that could be refused", reason="unproven")
    return str(row[0])
