"""What the next beacon says. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from overt_schemas.records import Beacon, PolicyRef
from overt_schemas.signing import beacon_tag

MAX_TAGS = 2_000  # 32 KB a beacon; beyond that whole groups are paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A device that may not capture."""

    group: str
    tag_secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What holds now for everybody."""

    paused_groups: frozenset[str]
    stopped: tuple[Stopped, ...]
    policies: tuple[PolicyRef, ...]


def beacon(fleet: Fleet, number: int, now_ms: int, valid_ms: int) -> Beacon:
    """Return beacon ``number``; with too many stopped devices it pauses their groups instead."""
    paused, stopped = fleet.paused_groups, fleet.stopped
    if len(stopped) > MAX_TAGS:
        paused, stopped = paused | {device.group for device in stopped}, ()
    return Beacon(
        number=number, issued_ms=now_ms, valid_until_ms=now_ms + valid_ms,
        paused_groups=tuple(sorted(paused)), tags=_tags(stopped, number),
        policies=fleet.policies,
    )  # fmt: skip


def _tags(stopped: Iterable[Stopped], number: int) -> tuple[bytes, ...]:
    # Sorted, so that a tag's place tells nothing about which device it stops.
    return tuple(sorted(beacon_tag(device.tag_secret, number) for device in stopped))
