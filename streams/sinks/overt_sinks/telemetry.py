"""What a sink says of itself: named events, as JSON lines on stderr.

Each event is one function that logs and counts. Labels come from bounded lists; no content, key,
person, device or object name is ever said: a partition and a count are enough to find the rest.
"""

import logging
import sys
from collections import Counter

import structlog

COUNTS: Counter[str] = Counter()


def configure() -> None:
    """Write JSON lines to stderr, from now on; tracebacks show no local variables."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def kafka_log() -> logging.Logger:
    """Return the logger that turns what librdkafka says into events; it names hosts, no content."""
    logger = logging.getLogger("overt_sinks.kafka")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(_KafkaLog())
    return logger


class _KafkaLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _warn("kafka_client_said", said=record.getMessage())


def sink_started(topic: str, group: str) -> None:
    _say("sink_started", topic=topic, group=group)


def sink_ready(partitions: int) -> None:
    _say("sink_ready", partitions=partitions)


def probe_passed(second_identity: bool, side_door: bool, lost_answer: bool, versions: str) -> None:
    # What could not be tried is said, and whether deleting leaves versions behind.
    _say(
        "probe_passed", second_identity=second_identity, side_door=side_door,
        lost_answer=lost_answer, versions=versions,
    )  # fmt: skip


def partitions_assigned(count: int) -> None:
    _say("partitions_assigned", count=count)


def partitions_revoked(count: int, dropped_records: int) -> None:
    _say("partitions_revoked", count=count, dropped_records=dropped_records)


def object_stored(partition: int, records: int, size_bytes: int, adopted: bool) -> None:
    COUNTS["records_stored"] += records
    COUNTS["bytes_stored"] += size_bytes
    event = "object_adopted" if adopted else "object_created"
    _say(event, partition=partition, records=records, size_bytes=size_bytes)


def record_set_aside(partition: int, reason: str) -> None:
    _warn("record_set_aside", partition=partition, reason=reason)


def write_retried(partition: int, reason: str) -> None:
    _warn("write_retried", partition=partition, reason=reason)


def commit_failed(code: str) -> None:
    # Harmless by design: the index knows how far the chain is.
    _warn("commit_failed", code=code)


def broker_complained(code: str) -> None:
    _warn("broker_complained", code=code)


def fetching_paused(buffered_bytes: int) -> None:
    _say("fetching_paused", buffered_bytes=buffered_bytes)


def fetching_resumed(buffered_bytes: int) -> None:
    _say("fetching_resumed", buffered_bytes=buffered_bytes)


def sink_failed(reason: str) -> None:
    _warn("sink_failed", reason=reason)


def sink_broke(kind: str, file: str, line: int) -> None:
    _warn("sink_broke", kind=kind, file=file, line=line)


def stop_overran() -> None:
    _warn("stop_overran")


def sink_stopped() -> None:
    _say("sink_stopped", **{name: COUNTS[name] for name in sorted(COUNTS)})


def object_moved(kind: str, tier: str, records: int, size_bytes: int) -> None:
    _say("object_moved", kind=kind, tier=tier, records=records, size_bytes=size_bytes)


def move_retried(reason: str) -> None:
    _warn("move_retried", reason=reason)


def move_found(reason: str) -> None:
    _warn("move_found", reason=reason)


def object_deleted(tier: str, why: str) -> None:
    _say("object_deleted", tier=tier, why=why)


def hot_kept(reason: str) -> None:
    # Without committed offsets nobody knows what a sink may still create.
    _warn("hot_kept", reason=reason)


def removal_left(reason: str) -> None:
    _warn("removal_left", reason=reason)


def hold_changed(what: str) -> None:
    _say("hold_changed", what=what)


def day_erased(objects: int, records: int, left: int) -> None:
    _say("day_erased", objects=objects, records=records, left=left)


def index_upgraded(was: str, now: str) -> None:
    _say("index_upgraded", was=was, now=now)


def table_published(days: int, rows: int, dropped_days: int, removed: int) -> None:
    _say("table_published", days=days, rows=rows, dropped_days=dropped_days, removed=removed)


def _say(event: str, **values: object) -> None:
    COUNTS[event] += 1
    structlog.get_logger().info(event, **values)


def _warn(event: str, **values: object) -> None:
    COUNTS[event] += 1
    structlog.get_logger().warning(event, **values)
