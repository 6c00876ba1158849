"""Identities and the calendar they live in.

``device`` and ``boot`` are 16 random bytes; a *session* is (device, boot, activity). Content is
identified by ``BatchId`` and by nothing else: no random id, so any replay names the same thing.
Persons are known by a pseudonym (``p-`` and 16 hex digits), grants by ``g-``, consents by ``c-``.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache

from overt_schemas.errors import Malformed

ID_BYTES = 16
_DAY_MS = 86_400_000


class Stream(IntEnum):
    """What a batch carries; part of the clear header."""

    INPUT = 0
    FRAME = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionId:
    """One activity of one boot of one device."""

    device: bytes
    boot: bytes
    activity: int

    def __str__(self) -> str:
        return f"{self.device.hex()[:8]}-{self.boot.hex()[:8]}-{self.activity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchId:
    """The identity of content; ``batch`` is gap-free per (device, boot, stream) from 0."""

    device: bytes
    boot: bytes
    stream: Stream
    batch: int


def new_id() -> bytes:
    """Return 16 random bytes for a device, boot or data key."""
    return secrets.token_bytes(ID_BYTES)


def new_name(prefix: str) -> str:
    """Return a pseudonymous name such as ``p-0123456789abcdef``; it means nothing to anybody."""
    return f"{prefix}-{secrets.token_hex(8)}"


def week_of(wall_ms: int) -> str:
    """Return the ISO week (UTC) of a Unix time in milliseconds, as ``2026-W48``."""
    return _calendar(wall_ms // _DAY_MS)[0]


def day_of(wall_ms: int) -> str:
    """Return the UTC day of a Unix time in milliseconds, as ``2026-11-25``."""
    return _calendar(wall_ms // _DAY_MS)[1]


@lru_cache(maxsize=4096)  # every batch asks, and nearly all of a day ask for the same
def _calendar(day: int) -> tuple[str, str]:
    """Return week and day of a day since 1970."""
    try:
        date = datetime.fromtimestamp(day * _DAY_MS // 1000, UTC)
    except (ValueError, OverflowError, OSError) as exc:  # a device may claim any 64-bit time
        raise Malformed("time lies outside the calendar", reason="time") from exc
    year, week, _ = date.isocalendar()
    return f"{year}-W{week:02d}", date.strftime("%Y-%m-%d")
