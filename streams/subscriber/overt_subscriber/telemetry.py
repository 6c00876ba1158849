"""What the reader reports of itself: counts and codes, never content, keys or names."""

import logging
import sys

import structlog


class _Stderr:
    """Looks stderr up for each line, so that whoever redirects it is heard."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    info = warning = critical = msg


def _logger(level: int) -> structlog.typing.FilteringBoundLogger:
    """Return a logger of our own: a library leaves its user's logging alone."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        _Stderr(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return logger


_log = _logger(logging.CRITICAL)


def configure(*, verbose: bool) -> None:
    """Send events to stderr as JSON lines; without ``verbose`` there are none."""
    global _log  # noqa: PLW0603 - one process, one sink, set by its command line
    _log = _logger(logging.INFO if verbose else logging.CRITICAL)


def keyset_loaded(version: int) -> None:
    _log.info("keyset_loaded", version=version)


def runs_listed(count: int, size_bytes: int) -> None:
    _log.info("runs_listed", count=count, size_bytes=size_bytes)


def listed_again(unread: int, gone: int) -> None:
    _log.info("listed_again", unread=unread, gone=gone)


def ranges_read(ranges: int, missing: int, size_bytes: int) -> None:
    _log.info("ranges_read", ranges=ranges, missing=missing, size_bytes=size_bytes)


def range_failed(reason: str) -> None:
    _log.warning("range_failed", reason=reason)


def keys_released(count: int, refused: int) -> None:
    _log.info("keys_released", count=count, refused=refused)


def record_rejected(stage: str, reason: str) -> None:
    _log.warning("record_rejected", stage=stage, reason=reason)


def call_retried(path: str, attempt: int, reason: str) -> None:
    _log.warning("call_retried", path=path, attempt=attempt, reason=reason)


def feed_opened(offset: int) -> None:
    _log.info("feed_opened", offset=offset)


def feed_lost(reason: str, retry_s: float) -> None:
    _log.warning("feed_lost", reason=reason, retry_s=round(retry_s, 1))
