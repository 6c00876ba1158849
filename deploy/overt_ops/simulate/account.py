"""The account of a simulated fleet: does every spooled event stand at the reader? Pure.

Counted from the spool append: what a device has once spooled must be read exactly once, or stand
under a label that the data itself carries. What came twice (a kill between sending and noting it)
is a *repeat*: the set of batches drops it, and it is shown, because a run without kills has none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

STREAMS = ("input", "frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """What one device's spool says, over all its boots: events of input, batches by stream."""

    home: str
    device: str
    events: int
    batches: Mapping[str, int]
    gaps: Mapping[str, int]
    pending: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the reader found of one device, over all its boots; ``thinned`` events by count only."""

    events: int = 0
    thinned: int = 0
    batches: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One run; ``offered`` and ``captured`` are None where capture was killed before it could tell.

    Attributes:
        dropped: events by label, as the reader found them: refused at the endpoint, let go of, or
            thinned by a processor.
        withheld: batches that a processor set aside, each with a mark in its place.
        unlabelled: batches that are missing and that nothing explains.
        faults: what a reader must never find (clones, forgeries, broken frames), by name.
        seconds: of the whole run, from the first token to the end of the reading.
    """

    offered: int | None
    captured: int | None
    spooled: tuple[Spooled, ...]
    found: Mapping[str, Read]
    read: int
    dropped: Mapping[str, int]
    lost: int
    duplicated: int
    out_of_order: int
    repeats: int
    tombstones: int
    withheld: int
    unlabelled: int
    dead_letters: int
    sessions: Mapping[str, int]
    segments: int
    parts: int
    parts_in_objects: int
    objects: int
    frames_read: int
    faults: Mapping[str, int]
    seconds: float

    @property
    def events_spooled(self) -> int:
        """Events that all devices have spooled."""
        return sum(one.events for one in self.spooled)

    @property
    def thinned(self) -> int:
        """Events that a processor left out by policy, and counted."""
        return sum(one.thinned for one in self.found.values())

    @property
    def batches_missing(self) -> int:
        """Batches that were spooled and did not come as content."""
        sent = sum(sum(one.batches.values()) for one in self.spooled)
        return sent - sum(sum(one.batches.values()) for one in self.found.values())

    def as_json(self) -> dict[str, Any]:
        """Return the object that `stream-ops simulate -o json` prints."""
        sums = asdict(self)
        for name in ("spooled", "found"):
            del sums[name]
        each = {
            one.home: {
                "spooled": one.events, "read": self.of(one).events,
                "thinned": self.of(one).thinned,
            }
            for one in self.spooled
        }  # fmt: skip
        ahead = {"devices": len(self.spooled), "offered": sums.pop("offered"),
                 "captured": sums.pop("captured"), "spooled": self.events_spooled}  # fmt: skip
        return {**ahead, **sums, "each": each}

    def of(self, one: Spooled) -> Read:
        """Return what was read of a device."""
        return self.found.get(one.device, Read())


def members(
    accounts: Iterable[Mapping[str, Any]], devices: Mapping[str, str]
) -> tuple[Spooled, ...]:
    """Return the spools' sums as `simulate ship` prints them; ``devices`` by home."""
    return tuple(
        Spooled(
            home=one["device"], device=devices[one["device"]], events=one["events_spooled"],
            batches={name: one["spooled"].get(name, 0) for name in STREAMS},
            gaps=one["gaps_spooled"], pending=sum(one["pending"].values()),
        )
        for one in accounts
    )  # fmt: skip


def found(per_device: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, Read]:
    """Return the reader's counts by device, from its summary by device and boot."""
    return {
        device: Read(
            events=sum(boot["events"] for boot in boots.values()),
            thinned=sum(boot["thinned"] for boot in boots.values()),
            batches={
                name: sum(boot[f"{name}_batches"] for boot in boots.values()) for name in STREAMS
            },
        )
        for device, boots in per_device.items()
    }


def findings(account: Account) -> list[str]:
    """Return one sentence for each reason why the account does not close; empty when it does."""
    said = _endpoint(account) + _devices(account)
    wrong = {
        "events lost": account.lost, "events read twice": account.duplicated,
        "events out of order": account.out_of_order, "dead letters": account.dead_letters,
        "batches missing without a label": account.unlabelled,
        "sessions open": account.sessions.get("open", 0),
        "sessions red": account.sessions.get("red", 0), **account.faults,
    }  # fmt: skip
    said += [f"{count} {what}" for what, count in wrong.items() if count]
    if account.batches_missing != account.tombstones + account.withheld:
        said.append(
            f"{account.batches_missing} batches did not come, {account.tombstones} tombstones and"
            f" {account.withheld} marks did"
        )
    if account.parts != account.parts_in_objects:
        said.append(f"{account.parts} parts, {account.parts_in_objects} in objects")
    return said


def _endpoint(account: Account) -> list[str]:
    said = []
    if account.offered != account.captured:
        said.append(f"offered {account.offered}, captured {account.captured}")
    refused = sum((Counter(one.gaps) for one in account.spooled), Counter[str]()).total()
    told = account.events_spooled + refused
    if account.captured is not None and account.captured != told:
        said.append(f"captured {account.captured}, spooled and refused {told}")
    accounted = account.read + sum(account.dropped.values())
    # Of a batch that did not come nobody can read how many events its endpoint had refused in it.
    if told != accounted and not account.tombstones + account.withheld:
        said.append(f"spooled and refused {told}, read and dropped {accounted}")
    return said


def _devices(account: Account) -> list[str]:
    said = [f"{one.home} captured nothing" for one in account.spooled if not one.events]
    for one in account.spooled:
        if one.pending:
            said.append(f"{one.home} has {one.pending} records left in its spool")
        have = account.of(one)
        gone = sum(one.batches.values()) - sum(have.batches.values())
        if have.events + have.thinned != one.events and not gone:
            said.append(
                f"{one.home} spooled {one.events}, read {have.events} and {have.thinned} thinned"
            )
    return said
