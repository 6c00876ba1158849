"""A store that fills behind a feed, both from memory, driven by a script of what happens when."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from overt_schemas.errors import Refused, Transient
from overt_schemas.records import Marker, Part, StoredPart
from overt_subscriber.live import Live
from overt_subscriber.report import Report
from overt_subscriber.runs import Page
from overt_subscriber.source import Unreadable
from overt_subscriber.subscription import Subscription
from overt_subscriber.values import Event, Frame, Gap, Item, Rejected, Session
from tests.subscriber.authority_twin import GRANT, PURPOSE, MemoryAuthority, run_of
from tests.subscriber.sealing import stored

Value = Part | Marker


class Clock:
    """Time passes when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def boot_ns(self) -> int:
        return round(self.now_s * 1e9)

    def wall_us(self) -> int:
        return round(self.now_s * 1e6)

    def pause(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class World:
    """The log of parts, how far sink and feed are with it, and what the feed leaves out."""

    values: Sequence[Value]
    visible: int = 0
    refusal: str = ""
    steps: Iterator[Callable[["World"], object]] = field(default_factory=lambda: iter(()))
    clock: Clock = field(default_factory=Clock)
    ready: list[Value] = field(default_factory=list)
    is_away: bool = False
    is_done: bool = False
    has_listed_all: bool = False
    opened: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.memory = MemoryAuthority([])
        self.rows = [run_of([value], f"run-{at}") for at, value in enumerate(self.values)]

    # What the store is asked.

    def segments(self, grant: str, after: str, limit: int) -> Page:
        if self.refusal:
            raise Refused(f"the authority refuses: {self.refusal}", reason=self.refusal)
        self.memory.rows = self.rows[: self.visible]
        self.has_listed_all = self.is_done
        return self.memory.segments(grant, after, limit)

    def read(self, grant: str, runs: Any) -> bytes:
        return self.memory.read(grant, runs)

    # What the feed is asked.

    def open(self) -> None:
        self.step()
        if self.is_away:
            raise Transient("away", reason="feed_away")
        self.opened += 1

    def poll(self, seconds: float) -> list[StoredPart | Unreadable]:
        self.clock.pause(seconds)
        self.step()
        if self.is_away:
            raise Transient("away", reason="feed_away")
        came, self.ready = self.ready, []
        return [stored(value) for value in came]

    def close(self) -> None:
        self.closed += 1

    def pause(self, seconds: float) -> None:
        self.clock.pause(seconds)
        self.step()

    def step(self) -> None:
        """Let the next thing happen; behind the last, everything is in the store."""
        step = next(self.steps, None)
        if step is None:
            self.visible, self.is_done = len(self.values), True
        else:
            step(self)

    def subscription(self, **changes: Any) -> Subscription:
        """Return a subscription that ends once the store has been read to its end."""
        live = Live(self, GRANT, self, clock=self.clock, pause=self.pause)
        return Subscription(
            live, self.memory, grant=GRANT, purpose=PURPOSE,
            until=lambda _report: self.has_listed_all, **changes,
        )  # fmt: skip


def read_live(world: World, **changes: Any) -> tuple[list[Item], Report]:
    """Read all of it."""
    subscription = world.subscription(**changes)
    return list(subscription), subscription.report


def by_stream(items: Sequence[Item]) -> dict[str, list[Any]]:
    """Return what an observer of one stream of one device sees, and the sessions."""
    seen: dict[str, list[Any]] = {}
    for item in items:
        match item:
            case Event():
                seen.setdefault(f"{item.session.device.hex()[:4]} input", []).append(
                    (item.seq, item.keysym, item.session.activity)
                )
            case Frame():
                seen.setdefault(f"{item.session.device.hex()[:4]} frame", []).append(item.number)
            case Gap():
                name = f"0001 {item.stream.name.lower()}"
                seen.setdefault(name, []).append((item.reason, item.count, item.batches))
            case Session():
                seen.setdefault("sessions", []).append((str(item.id), item.state, item.holes))
            case Rejected():
                seen.setdefault("rejected", []).append(item.reason)
    return {name: sorted(rows) if name == "sessions" else rows for name, rows in seen.items()}
