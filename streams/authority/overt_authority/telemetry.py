"""What the authority says of itself: named events, JSON lines on stderr.

An event logs and counts. Labels are bounded codes; no name of a person, no key, no content.
"""

import logging
import sys
import traceback
from collections import Counter
from pathlib import Path

import structlog

COUNTS: Counter[str] = Counter()
_log = structlog.get_logger()


def configure() -> None:
    """Write events as JSON lines to stderr; stdout stays empty."""
    # uvicorn writes tracebacks of what broke; ours are events, and hold no values.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _count(event: str, label: str = "", amount: int = 1) -> None:
    COUNTS[f"{event}:{label}" if label else event] += amount


def where(exc: BaseException) -> str:
    """Return file and line, and no more: a traceback's text could hold what was sent."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def started(port: int) -> None:
    _count("authority_started")
    _log.info("authority_started", port=port)


def stopped() -> None:
    _count("authority_stopped")
    _log.info("authority_stopped")


def request_refused(route: str, code: str) -> None:
    _count("request_refused", code)
    _log.info("request_refused", route=route, code=code)


def request_unanswered(route: str, reason: str) -> None:
    _count("request_unanswered", reason)
    _log.warning("request_unanswered", route=route, reason=reason)


def request_broke(route: str, error: str, where: str) -> None:
    _count("request_broke", error)
    _log.error("request_broke", route=route, error=error, where=where)


def device_enrolled(group: str) -> None:
    _count("device_enrolled")
    _log.info("device_enrolled", group=group)


def keys_released(released: int, refused: int) -> None:
    _count("keys_released", amount=released)
    _count("keys_refused", amount=refused)
    _log.info("keys_released", released=released, refused=refused)


def runs_read(runs: int, size_bytes: int) -> None:
    _count("runs_read", amount=runs)
    _log.info("runs_read", runs=runs, size_bytes=size_bytes)


def reading_broke(reason: str) -> None:
    _count("reading_broke", reason)
    _log.warning("reading_broke", reason=reason)


def ranges_handed_out(ranges: int, size_bytes: int) -> None:
    _count("ranges_handed_out", amount=ranges)
    _log.info("ranges_handed_out", ranges=ranges, size_bytes=size_bytes)


def ranges_proved(tier: str) -> None:
    _count("ranges_proved", tier)
    _log.info("ranges_proved", tier=tier)


def ranges_unproved(tier: str, item: str) -> None:
    _count("ranges_unproved", item)
    _log.warning("ranges_unproved", tier=tier, item=item)


def receipt_taken(decision: str) -> None:
    _count("receipt_taken", decision)
    _log.info("receipt_taken", decision=decision)


def record_ignored(topic: str, reason: str) -> None:
    _count("record_ignored", reason)
    _log.warning("record_ignored", topic=topic, reason=reason)


def presence_taken(records: int) -> None:
    _count("presence_taken", amount=records)


def beacon_published(number: int, paused_groups: int, tags: int) -> None:
    _count("beacon_published")
    _log.info("beacon_published", number=number, paused_groups=paused_groups, tags=tags)


def beacon_withheld(reason: str) -> None:
    _count("beacon_withheld", reason)
    _log.error("beacon_withheld", reason=reason)


def policy_published(group: str, version: int) -> None:
    _count("policy_published")
    _log.info("policy_published", group=group, version=version)


def policy_unreadable(reason: str) -> None:
    _count("policy_unreadable", reason)
    _log.error("policy_unreadable", reason=reason)


def keys_rotated(added: int, dropped: int) -> None:
    _count("keys_rotated")
    _log.info("keys_rotated", added=added, dropped=dropped)


def people_keyed(people: int) -> None:
    _count("people_keyed", amount=people)
    _log.info("people_keyed", people=people)


def work_deferred(stage: str, reason: str) -> None:
    _count("work_deferred", stage)
    _log.warning("work_deferred", stage=stage, reason=reason)


def thread_broke(thread: str, error: str, place: str) -> None:
    _count("thread_broke", thread)
    _log.critical("thread_broke", thread=thread, error=error, where=place)


def log_recovered(entries: int, cut_bytes: int) -> None:
    _count("log_recovered")
    _log.info("log_recovered", entries=entries, cut_bytes=cut_bytes)
