"""Which content the spool lets go of when it is too old or too much. Pure.

What is let go becomes its tombstone. By age: everything, oldest first. By size: frames first,
oldest first; input only when no frame is left. Statements (consent, presence, boot ends) are not
content and never considered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from overt_schemas.ids import Stream

TOMBSTONE_BYTES = 1_700  # what stays of a batch: period header, wrap, header, signatures
# Below this the machine's owner needs the space more than we do: capture stops and says so.
MIN_FREE_BYTES = 256 * 1_048_576
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What a policy allows."""

    age_h: int
    cap_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One batch whose content is still there."""

    id: int
    stream: Stream
    created_ms: int
    size: int


def victims(contents: Iterable[Content], store: Store, now_ms: int) -> Iterator[tuple[int, str]]:
    """Give the ids to let go of, with the tombstone's reason; ``contents`` in spool order."""
    kept: list[Content] = []
    for one in contents:
        if now_ms - one.created_ms > store.age_h * HOUR_MS:
            yield one.id, "age"
        else:
            kept.append(one)
    excess = sum(one.size for one in kept) - store.cap_bytes
    for one in sorted(kept, key=lambda c: (c.stream != Stream.FRAME, c.id)):
        if excess <= 0:
            return
        yield one.id, "cap"
        excess -= max(one.size - TOMBSTONE_BYTES, 0)
