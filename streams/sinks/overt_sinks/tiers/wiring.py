"""What the commands of the tiers are made of. SHELL."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from overt_schemas.clock import SystemClock
from overt_schemas.errors import OvertError
from overt_sinks import brokers, telemetry
from overt_sinks.index import Index
from overt_sinks.naming import Partition
from overt_sinks.settings import Settings
from overt_sinks.tiers.buckets import open_buckets
from overt_sinks.tiers.mover import Mover
from overt_sinks.tiers.naming import CLASSES
from overt_sinks.tiers.plan import Rules
from overt_sinks.tiers.retention import Retention


@contextmanager
def open_index(config: Settings) -> Iterator[Index]:
    """The index, which must be there."""
    index = Index.existing(config.index.url)
    try:
        yield index
    finally:
        index.close()


def rules(config: Settings) -> Rules:
    """Return when what moves."""
    tiers = config.tiers
    return Rules(
        after_ms=tiers.after_s * 1000, cold_after_ms=tiers.cold_after_s * 1000,
        grace_ms=tiers.grace_s * 1000, min_hot_age_ms=tiers.min_hot_age_s * 1000,
        object_bytes=tiers.object_bytes, late_bytes=tiers.late_bytes,
        late_ms=tiers.late_s * 1000, merge_objects=tiers.merge_objects,
    )  # fmt: skip


def retention(config: Settings) -> Retention:
    """Return how long what is kept."""
    return Retention(days={name: config.retention.days(name) for name in CLASSES})


def mover(config: Settings, index: Index, stop: threading.Event) -> Mover:
    """Return a mover that ends what waits when ``stop`` is set."""
    return Mover(
        index, open_buckets(config), rules(config), SystemClock(), pause=stop.wait,
        storage_class=config.tiers.storage_class,
    )  # fmt: skip


def committed(config: Settings) -> Mapping[Partition, int] | None:
    """Return the sink's offsets, or None if nobody tells: then nothing is deleted in hot."""
    try:
        return brokers.committed(config.kafka, config.sink.group, config.sink.topic)
    except OvertError as exc:
        telemetry.hot_kept(exc.reason)
        return None


def stopping() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    return asked
