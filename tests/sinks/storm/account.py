"""What a storm left, read as a reader reads it: by the index, from whatever tier, cut by ranges."""

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from overt_sinks import container, settings
from overt_sinks.index import Index, tables
from overt_sinks.stores.store import Store, open_store
from tests.sinks.storm.feeder import Where
from tests.sinks.storm.hands import PROGRAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Everything the index lists, cut out of the objects.

    Attributes:
        values: the Kafka values that stand at a place; one, if all is well.
        tiers: how many records stand in which tier.
    """

    values: Mapping[Where, list[bytes]]
    set_aside: Counter[Where]
    tiers: Counter[str]


def read_all(config: Path, url: str) -> Stored:
    """Read every run that is not superseded, from the store at ``url``."""
    known = settings.load(config)
    keys = settings.store_keys(known.store)
    buckets = {
        tier: open_store(url, bucket, keys)
        for tier, bucket in (
            ("hot", known.store.hot), ("warm", known.store.warm), ("cold", known.store.cold),
        )
    }  # fmt: skip
    index = Index(known.index.url)
    values: dict[Where, list[bytes]] = {}
    tiers: Counter[str] = Counter()
    try:
        for (name, tier), ranges in _ranges(index).items():
            for piece in _cut(buckets[tier], name, ranges):
                for part in container.read_run(piece):
                    where = (part.topic_id, part.partition, part.offset)
                    values.setdefault(where, []).append(container.frame(part))
                    tiers[tier] += 1
        aside = Counter(
            (link.topic_id, link.kafka_part, offset)
            for link in index.links()
            for offset in link.set_aside
        )
    finally:
        index.close()
    return Stored(values=values, set_aside=aside, tiers=tiers)


def _ranges(index: Index) -> dict[tuple[str, str], list[tuple[int, int]]]:
    runs, objects = tables.runs.c, tables.objects.c
    query = (
        sa.select(runs.object, objects.tier, runs.byte_from, runs.byte_len)
        .join(tables.objects, objects.object == runs.object)
        .where(runs.superseded_ms == 0)
    )
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    with index.transaction() as db:
        for name, tier, start, length in db.execute(query):
            found.setdefault((name, tier), []).append((start, length))
    return found


def _cut(bucket: Store, name: str, ranges: list[tuple[int, int]]) -> list[bytes]:
    return bucket.read_ranges(name, [one[0] for one in ranges], [one[1] for one in ranges])


def differences(stored: Stored, sent: Mapping[Where, bytes], noise: set[Where]) -> list[str]:
    """Return a sentence for each kind of thing that is not as it was sent."""
    lost = [where for where in sent if where not in stored.values]
    twice = [where for where, found in stored.values.items() if len(found) > 1]
    invented = [where for where in stored.values if where not in sent]
    changed = [
        where for where, value in sent.items() if value not in stored.values.get(where, [value])
    ]
    unheard = [where for where in noise if stored.set_aside[where] != 1]
    kinds = {
        "lost": lost, "stored twice": twice, "never sent": invented, "changed": changed,
        "noise not set aside": unheard,
    }  # fmt: skip
    return [f"{len(found)} {kind}, first {min(found)}" for kind, found in kinds.items() if found]


def verified(config: Path) -> dict[str, Any]:
    """Return what `overt-sink verify` says, with its exit code."""
    command = [PROGRAM, "verify", "--config", str(config), "-o", "json"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    lines = done.stdout.decode().splitlines()
    report = dict(json.loads(lines[-1])) if lines else {"said": done.stderr.decode()[-500:]}
    return {"code": done.returncode, **report}
