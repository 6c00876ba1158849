"""Everything a processor says of itself: one function an event, which logs or counts.

JSON lines on stderr. No content, key, title or pseudonym is ever a value here; labels come from
bounded lists. What libraries log is passed on shortened, without tracebacks and never with locals.
"""

import logging
import sys
from collections import Counter
from collections.abc import Mapping

import structlog

from overt_processors.latency import Histogram

_REPEAT_S = 300.0  # between two lines of a library from the same place
_LINE_LIMIT = 300  # of a library's message; some of theirs print whole records
_LIBRARIES = ("faust", "aiokafka", "mode", "asyncio", "httpx", "httpcore")
_log = structlog.get_logger()
counts: Counter[tuple[str, str]] = Counter()
latency = Histogram()
_newest_ms = 0  # append time of the newest registry record


def configure(service: str) -> None:
    """Send events as JSON lines to stderr, and what libraries warn of with them."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(logging.WARNING)


def quiet_libraries() -> None:
    """Raise the level of loggers that Faust leaves at DEBUG: they cost 13 % of a busy worker."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _LIBRARIES:
            logging.getLogger(name).setLevel(logging.WARNING)


class _Bridge(logging.Handler):
    """Turns a library's log record into one of our lines, at most one in a while per place.

    The brokers cut every SASL connection after ten seconds, as aiokafka knows no re-authentication:
    it reconnects, and says so four times.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said_s: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        counts[("library", record.levelname.lower())] += 1
        place = (record.pathname, record.lineno)
        if record.created - self._said_s.get(place, 0.0) < _REPEAT_S:
            return
        self._said_s[place] = record.created
        cause = record.exc_info[0] if record.exc_info else None
        _log.warning(
            "library",
            logger=record.name,
            level_of=record.levelname,
            message=record.getMessage()[:_LINE_LIMIT],
            error=cause.__name__ if cause else None,
        )


def outcome(kind: str, reason: str = "") -> None:
    counts[(kind, reason)] += 1


def dead_letter(topic: str, partition: int, offset: int, reason: str) -> None:
    counts[("dead_letter", reason)] += 1
    _log.warning("dead_letter", topic=topic, partition=partition, offset=offset, reason=reason)


def flagged(flags: tuple[str, ...]) -> None:
    for flag in flags:
        counts[("flag", flag)] += 1


def thinned(rule: str, count: int) -> None:
    counts[("thinned", rule)] += count


def taken(size: int) -> None:
    counts[("in", "records")] += 1
    counts[("in", "bytes")] += size


def produced(size: int) -> None:
    counts[("out", "records")] += 1
    counts[("out", "bytes")] += size


def done(took_s: float) -> None:
    latency.observe(took_s)


def registry_record(append_ms: int) -> None:
    global _newest_ms  # noqa: PLW0603 (one process, one board of counts)
    _newest_ms = max(_newest_ms, append_ms)


def newest_registry_ms() -> int:
    return _newest_ms


def registry_refused(topic: str, reason: str) -> None:
    counts[("registry_refused", reason)] += 1
    _log.warning("registry_refused", topic=topic, reason=reason)


def registries_read(devices: int, persons: int, beacons: int, key_set: int) -> None:
    _log.info("registries_read", devices=devices, persons=persons, beacons=beacons, key_set=key_set)


def registries_lag(reason: str) -> None:
    counts[("registries_lag", reason)] += 1
    _log.warning("registries_lag", reason=reason)


def keys_received(epochs: int, signing: str) -> None:
    _log.info("keys_received", epochs=epochs, signing=signing)


def keys_awaited(reason: str, retry_s: float) -> None:
    _log.warning("keys_awaited", reason=reason, retry_s=round(retry_s, 2))


def partitions_assigned(partitions: list[int]) -> None:
    _log.info("partitions_assigned", partitions=partitions)


def partitions_revoked(partitions: list[int], discarded: int) -> None:
    _log.info("partitions_revoked", partitions=partitions, discarded=discarded)


def feed_cut_off(grant: str, reason: str) -> None:
    counts[("feed_cut_off", reason)] += 1
    _log.warning("feed_cut_off", grant=grant, reason=reason)


def exiting(code: int, cause: str, **facts: object) -> None:
    _log.critical("exiting", code=code, cause=cause, **facts)


def worker_started(pid: int, attempt: int) -> None:
    _log.info("worker_started", pid=pid, attempt=attempt)


def worker_ended(code: int, retry_s: float) -> None:
    _log.warning("worker_ended", code=code, retry_s=round(retry_s, 2))


def preflight_delayed(reason: str, retry_s: float) -> None:
    _log.warning("preflight_delayed", reason=reason, retry_s=round(retry_s, 2))


def raw_expired(topic: str, partition: int, from_offset: int, to_offset: int) -> None:
    counts[("raw_expired", topic)] += to_offset - from_offset
    _log.error(
        "raw_expired",
        topic=topic,
        partition=partition,
        from_offset=from_offset,
        to_offset=to_offset,
    )


def summary() -> None:
    """Log all counts so far."""
    _log.info("counts", **_flat(counts))


def _flat(values: Mapping[tuple[str, str], int]) -> dict[str, int]:
    return {"_".join(filter(None, name)): number for name, number in sorted(values.items())}
