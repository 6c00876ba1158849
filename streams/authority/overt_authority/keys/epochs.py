"""Which keys must exist now, how long each is certified, and how long its private half lives. Pure.

Epochs are counted from the Unix epoch in UTC, so the same day always gives the same answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from overt_schemas import topics
from overt_schemas.records import KeyCert
from overt_schemas.signing import AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN

_HOUR_MS = 3_600_000
DAY_MS = 24 * _HOUR_MS
# The next epoch's key is out this long before it begins: longer than any lease.
LEAD_MS = 6 * _HOUR_MS
# No policy may let an endpoint keep content for longer: its epoch's key would be gone before it.
SPOOL_AGE_H = 72
# How long sealed content may wait for a processor after its day: spool age, raw topic, dead letter.
WAIT_MS = (
    SPOOL_AGE_H * _HOUR_MS
    + (topics.CATALOGUE[topics.INPUT].retention_ms or 0)
    + (topics.CATALOGUE[topics.DEADLETTER].retention_ms or 0)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """All three are counted from the start of the epoch."""

    epoch_ms: int
    certified_ms: int
    private_ms: int


LIVES = {
    # An endpoint's period may begin just before midnight and last its ten minutes: one hour more.
    PROCESSOR_SEAL: Life(
        epoch_ms=DAY_MS, certified_ms=DAY_MS + _HOUR_MS, private_ms=DAY_MS + WAIT_MS
    ),
    # Only the newest key signs, but what it signed is verified for as long as parts are stored;
    # a part carries no time that a thief of an old key could not write.
    PROCESSOR_SIGN: Life(epoch_ms=DAY_MS, certified_ms=400 * DAY_MS, private_ms=2 * DAY_MS),
    # Compacted registry records stand for months under the signature they were written with.
    AUTHORITY: Life(
        epoch_ms=90 * DAY_MS, certified_ms=800 * DAY_MS, private_ms=91 * DAY_MS
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A key that has to be made."""

    role: str
    not_before_ms: int
    not_after_ms: int
    private_until_ms: int


def due(certs: Iterable[KeyCert], now_ms: int) -> list[Due]:
    """Return the keys of this epoch and, near its end, of the next that do not exist yet."""
    known = {(cert.role, cert.not_before_ms) for cert in certs}
    missing = []
    for role, life in LIVES.items():
        start = now_ms - now_ms % life.epoch_ms
        starts = [start]
        if now_ms >= start + life.epoch_ms - LEAD_MS:
            starts.append(start + life.epoch_ms)
        missing += [
            Due(
                role=role, not_before_ms=begin, not_after_ms=begin + life.certified_ms,
                private_until_ms=begin + life.private_ms,
            )
            for begin in starts
            if (role, begin) not in known
        ]  # fmt: skip
    return missing


def published(certs: Iterable[KeyCert], now_ms: int) -> tuple[KeyCert, ...]:
    """Return the keys that belong into a key set: in force, coming, or waited for.

    A processors' key leaves with its private half, and processors, who believe the key set alone,
    forget it then. What the others signed is verified for as long as it may wait.
    """
    kept = [cert for cert in certs if now_ms < _leaves_ms(cert)]
    return tuple(sorted(kept, key=lambda cert: (cert.not_before_ms, cert.role, cert.key_id)))


def _leaves_ms(cert: KeyCert) -> int:
    if cert.role == PROCESSOR_SEAL:
        return cert.not_before_ms + LIVES[PROCESSOR_SEAL].private_ms
    return cert.not_after_ms + WAIT_MS
