"""Every event the endpoint logs, one function each. JSON lines on stderr.

No captured content, key, title, person or device name is ever an argument here; tracebacks show no
locals. What happens often is counted in the status, not logged.
"""

import logging
import sys

import structlog

_log = structlog.get_logger()


def configure(level: int = logging.INFO) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def capture_opened(boots_ended: int) -> None:
    _log.info("capture_opened", boots_ended=boots_ended)


def gate_opened(beacon: int) -> None:
    _log.info("gate_opened", beacon=beacon)


def gate_closed(reason: str, ended: str) -> None:
    _log.info("gate_closed", reason=reason, ended=ended)


def sensor_lost(restarts: int) -> None:
    _log.warning("sensor_lost", restarts=restarts)


def control_rejected(rows: int) -> None:
    _log.warning("control_rejected", rows=rows)


def content_dropped(reason: str, batches: int) -> None:
    _log.info("content_dropped", reason=reason, batches=batches)


def capture_stopped(clean: bool, batches: int) -> None:
    _log.info("capture_stopped", clean=clean, batches=batches)


def ship_opened(pending: int) -> None:
    _log.info("ship_opened", pending=pending)


def ship_stopped(published: int, pending: int) -> None:
    _log.info("ship_stopped", published=published, pending=pending)


def publish_refused(topic: str, reason: str) -> None:
    _log.warning("publish_refused", topic=topic, reason=reason)


def producer_rebuilt(reason: str) -> None:
    _log.warning("producer_rebuilt", reason=reason)


def fleet_unreachable(reason: str) -> None:
    _log.warning("fleet_unreachable", reason=reason)


def authority_unreachable(what: str) -> None:
    _log.warning("authority_unreachable", what=what)


def certificate_renewed() -> None:
    _log.info("certificate_renewed")


def local_refused() -> None:
    _log.warning("local_refused")


def process_restarted(name: str, code: int) -> None:
    _log.warning("process_restarted", name=name, code=code)


def failed(reason: str) -> None:
    _log.error("failed", reason=reason)
