"""The account of a run: does every event that was offered stand somewhere? Pure.

The unit is the input event. *offered* is what the driver injected (None where a person typed),
*captured* what the listener accepted, *read* the distinct events at the subscriber, *dropped* what
the data itself labels as left out: refused at the endpoint, or thinned by a processor; *live* what
the live reader was shown meanwhile. The account closes when nothing is missing between any two
stages, the live reader was shown what the stored data holds, and each of the three doors was
refused to the identity without a grant, for its own reason.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

DOORS = ("topic", "object", "key")
# What a reader's summary counts and must never find, in words.
_FAULTS = {
    "open": "sessions open", "red": "sessions red", "holes": "batches missing without a label",
    "quarantined": "batches quarantined", "chain_breaks": "breaks in a chain",
    "out_of_order": "events out of order", "late": "batches behind their session's end",
    "frames_bad": "frames that do not match their hash",
    "frames_missing": "frames missing without a label", "rejected": "records rejected",
    "refused": "keys refused", "withheld": "batches withheld",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What `stream-ops demo --json` prints; `ready_s` seconds, `pss_mb` megabytes of the stack.

    Attributes:
        from_feed: parts that reached the live reader by its feed, not from the store.
        live_same: whether the live reader was shown the same events in the same order.
        e2e_ms_p50: from a key press to the line that shows it live; None if no key was pressed.
    """

    source: str
    offered: int | None
    captured: int
    read: int
    dropped: Mapping[str, int]
    lost: int
    duplicated: int
    sessions: int
    segments: int
    parts: int
    parts_in_objects: int
    objects: int
    frames_read: int
    live: int
    live_same: bool
    from_feed: int
    e2e_ms_p50: int | None
    e2e_ms_p99: int | None
    refused: Mapping[str, str]
    ready_s: float
    pss_mb: float

    def as_json(self) -> dict[str, Any]:
        """Return the object, in the order of the contract."""
        return {**asdict(self), "dropped": dict(self.dropped), "refused": dict(self.refused)}


def findings(account: Account) -> list[str]:
    """Return one sentence for each reason why the account does not close; empty when it does."""
    found = []
    # Only a person types without being counted: everything else that cannot say is broken.
    if account.offered is None and account.source != "desktop":
        found.append("nobody counted what was offered")
    if account.offered is not None and account.offered != account.captured:
        found.append(f"offered {account.offered}, captured {account.captured}")
    accounted = account.read + sum(account.dropped.values())
    if account.captured != accounted:
        found.append(f"captured {account.captured}, read and dropped {accounted}")
    if account.read <= 0:
        found.append("nothing was read")
    if account.frames_read <= 0:
        found.append("no frame was read")
    if account.sessions <= 0:
        found.append("no session was read")
    if account.lost:
        found.append(f"{account.lost} events lost")
    if account.duplicated:
        found.append(f"{account.duplicated} events read twice")
    if account.parts != account.parts_in_objects:
        found.append(f"{account.parts} parts, {account.parts_in_objects} in objects")
    found += _live_findings(account)
    missing = [door for door in DOORS if not account.refused.get(door)]
    found += [f"the {door} was not refused to the identity without a grant" for door in missing]
    reasons = {account.refused.get(door) for door in DOORS}
    if not missing and len(reasons) != len(DOORS):
        found.append("the three refusals do not have three reasons")
    return found


def _live_findings(account: Account) -> list[str]:
    found = []
    if account.live != account.read:
        found.append(f"read {account.read}, live {account.live}")
    elif not account.live_same:
        found.append("the live reader was shown something else than what is stored")
    # The live reader fills holes of its feed from the store: that it is whole proves no feed.
    if account.from_feed <= 0:
        found.append("nothing came through the feed: stream-ops pipeline show")
    return found


def faults(summary: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each thing the reader found that should not be there.

    The unit of the account is the input event; frames, marks and sessions are held to this.
    """
    counts = {name: _count(summary[name]) for name in _FAULTS}
    return [f"{count} {_FAULTS[name]}" for name, count in counts.items() if count]


def _count(value: int | Mapping[str, int]) -> int:
    return value if isinstance(value, int) else sum(value.values())
