"""What the reader reports of itself: counts and codes, never content, keys or names."""

import logging
import sys

import structlog

_log = structlog.get_logger("overt.subscriber")


def configure(*, verbose: bool) -> None:
    """Send events to stderr as JSON lines; without ``verbose`` there are none."""
    level = logging.INFO if verbose else logging.CRITICAL
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def keyset_loaded(version: int) -> None:
    _log.info("keyset_loaded", version=version)


def runs_listed(count: int, size_bytes: int) -> None:
    _log.info("runs_listed", count=count, size_bytes=size_bytes)


def keys_released(count: int, refused: int) -> None:
    _log.info("keys_released", count=count, refused=refused)


def record_rejected(stage: str, reason: str) -> None:
    _log.warning("record_rejected", stage=stage, reason=reason)


def call_retried(path: str, attempt: int, reason: str) -> None:
    _log.warning("call_retried", path=path, attempt=attempt, reason=reason)
