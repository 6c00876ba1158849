"""Which presence record is the latest, and what a fleet view may say. Pure."""

from collections.abc import Iterable

from overt_schemas.records import Presence

K = 10  # fewer devices than that would tell about a person


def is_newer(known: Presence | None, said: Presence) -> bool:
    """Return whether ``said`` follows what is known; within a boot the number decides."""
    if known is None:
        return True
    if known.boot == said.boot:
        return said.number > known.number
    return said.at_ms > known.at_ms


def is_capturing(said: Presence | None, now_ms: int, lease_ms: int) -> bool:
    """Return whether the device captures as far as anybody can know; silence means no."""
    return said is not None and said.capturing and now_ms - said.at_ms < lease_ms


def view(capturing: Iterable[bool]) -> dict[str, int]:
    """Return the two counts of a group, or only that it is small."""
    states = list(capturing)
    if len(states) < K:
        return {"fewer_than": K}
    return {"capturing": sum(states), "not_capturing": len(states) - sum(states)}
