"""A partition of overt.part.v1 and its session app, without brokers: crashes wherever one likes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from overt_processors.core.sessions import fold, state
from overt_processors.core.sessions.reading import Missed, News, Seen
from overt_schemas.records import Session

RULES = state.Rules(update_ms=30_000, silent_ms=3_600_000)
DEVICE, BOOT = bytes(16), bytes(range(16))


def seen(
    batch: int, stream: int = 0, activity: int = 0, mark: str = "", boot: bytes = BOOT
) -> Seen:
    """Return a part; ``mark`` holds ``f`` for first and ``l`` for final."""
    return Seen(
        device=DEVICE, boot=boot, activity=activity, person="p-1", stream=stream, batch=batch,
        first="f" in mark, final="l" in mark,
    )  # fmt: skip


def missed(batch: int, stream: int = 0, boot: bytes = BOOT) -> Missed:
    return Missed(device=DEVICE, boot=boot, stream=stream, batch=batch)


@dataclass
class Log:
    """What stands in Kafka: parts with their times, session records, the committed offset."""

    parts: list[tuple[int, News]] = field(default_factory=list)
    records: list[Session] = field(default_factory=list)
    committed: int = 0

    def newest(self) -> dict[bytes, Session]:
        return state.newest(self.records)


@dataclass
class Worker:
    """A session app on that log, as the shell drives the core. It dies by being forgotten."""

    log: Log
    rules: state.Rules = RULES
    memory: state.Memory = field(init=False)
    at: int = field(init=False)
    held: list[int] = field(default_factory=list)
    acked: int = 0
    outbox: list[Session] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = state.restore(self.rules, self.log.newest().values())
        self.at = self.acked = self.log.committed

    @property
    def is_caught_up(self) -> bool:
        return self.at == len(self.log.parts)

    def handle(self) -> None:
        """Step over the next record."""
        append_ms, news = self.log.parts[self.at]
        fold.step(self.memory, news, self.at, append_ms)
        self.at += 1

    def tick(self, now_ms: int) -> None:
        """Let time pass, if there is nothing to read."""
        if self.is_caught_up:
            fold.tick(self.memory, now_ms, self.at)

    def take(self, now_ms: int, everything: bool = False) -> None:
        """Decide what to write; nothing if something is being written."""
        if not self.outbox and not self.memory.writing:
            self.outbox = list(fold.due(self.memory, now_ms, everything=everything))

    def write(self, count: int = 10**9) -> None:
        """Let so many of the records taken reach Kafka; the last of them confirms all."""
        for _ in range(min(count, len(self.outbox))):
            self.log.records.append(self.outbox.pop(0))
        if not self.outbox:
            fold.written(self.memory)
            self.acked = max(self.acked, min(fold.safe(self.memory), self.at))

    def commit(self) -> None:
        """Commit what is acknowledged."""
        self.log.committed = max(self.log.committed, self.acked)

    def drain(self, now_ms: int) -> None:
        """Read all, write all, commit all."""
        while not self.is_caught_up:
            self.handle()
        self.tick(now_ms)
        self.write()
        self.take(now_ms, everything=True)
        self.write()
        self.commit()


def undisturbed(parts: Sequence[tuple[int, News]], now_ms: int) -> dict[bytes, Session]:
    """Return what one worker that never fell makes of the parts."""
    worker = Worker(Log(parts=list(parts)))
    worker.drain(now_ms)
    return worker.log.newest()


def plain(records: Iterable[Session]) -> list[Session]:
    """Return records without what depends on when they were written, in one order."""
    bare = (replace(record, next_offset=0) for record in records)
    return sorted(bare, key=lambda r: (r.device, r.boot, r.activity))
