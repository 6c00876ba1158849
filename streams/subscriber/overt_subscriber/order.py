"""Sealed parts put in order: what arrives in any order leaves once, in order, boot by boot.

Holds sealed parts in memory only while a batch before them may still come, and at most
``held_bytes`` of them: past that, the stream that holds most gives up on its hole. Pure.

What a live feed brings is *ahead* of the store until the store has it too. It is handed on as far
as it follows without a hole, but only the store settles anything: parts that are ahead and do not
fit in memory, or that still wait at the end, are unlearnt, as the store will bring them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from overt_schemas import topics
from overt_schemas.ids import Stream
from overt_subscriber.batches import BatchSet, Hole, Notice, OutOfScope, StreamKey, Take, Verdict
from overt_subscriber.intake import Arrival, Dropped, Ended, Expired, Sealed

HELD_BYTES = 64 * 1_048_576
Boot = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One thing whose turn it is: a part to open, a hole, or a stretch that is not ours."""

    key: StreamKey
    step: Hole | OutOfScope | Sealed


@dataclass(slots=True, kw_only=True)
class _Line:
    """One stream of one boot: its set of batches and the sealed parts that wait."""

    batches: BatchSet = field(default_factory=BatchSet)
    held: dict[int, Sealed] = field(default_factory=dict)
    size: int = 0
    below: int = 0
    fed: dict[int, bool] = field(default_factory=dict)  # a feed brought it; the store has, too
    ahead: dict[int, int] = field(default_factory=dict)  # sizes of what waits, and came by a feed


class Order:
    """The sets of batches of a subscription."""

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._limit = held_bytes
        self._lines: dict[StreamKey, _Line] = {}
        self._ends: dict[Boot, Ended] = {}
        self._notices: dict[Stream, list[Notice]] = {stream: [] for stream in Stream}
        self._ahead_bytes = 0
        self._fed: dict[object, bool] = {}  # as a line's, for what belongs to no stream

    def boots(self) -> set[Boot]:
        """Return every boot of which anything is known."""
        return {(key.device, key.boot) for key in self._lines} | set(self._ends)

    def streams(self, boot: Boot) -> Mapping[Stream, BatchSet]:
        """Return the sets of batches of one boot."""
        keys = (StreamKey(device=boot[0], boot=boot[1], stream=stream) for stream in Stream)
        return {key.stream: self._lines[key].batches for key in keys if key in self._lines}

    def ended(self, boot: Boot) -> Ended | None:
        """Return the boot's end, if one is known."""
        return self._ends.get(boot)

    def is_waiting(self, boot: Boot) -> bool:
        """Whether anything known of a boot has not been handed on or passed."""
        keys = (StreamKey(device=boot[0], boot=boot[1], stream=stream) for stream in Stream)
        return any(self._lines[key].batches.is_behind for key in keys if key in self._lines)

    def clones(self) -> int:
        """Return how many batches are in quarantine."""
        return sum(line.batches.clones for line in self._lines.values())

    def breaks(self) -> int:
        """Return how often the chain of hashes did not fit."""
        return sum(line.batches.breaks for line in self._lines.values())

    def add(self, arrival: Arrival, *, ahead: bool = False) -> Verdict:
        """Take in what arrived; a part that is ``NEW`` is held until its turn.

        ``ahead`` says that a feed brought it.
        """
        match arrival:
            case Sealed() | Dropped():
                return self._batch(arrival, ahead=ahead)
            case Ended():
                name, verdict = (arrival.device, arrival.boot), self._end(arrival)
                return self._whose(name, verdict, ahead=ahead)
            case Expired():
                return self._whose(arrival.mark, self._notice(arrival), ahead=ahead)

    def erased(self, key: StreamKey, first: int, last: int) -> None:
        """Learn that batches [first, last] of a stream were blanked in the store."""
        self._line(key).batches.erase(first, last)

    def settle(self, key: StreamKey, below: int) -> list[Due]:
        """Return what is due on a stream, knowing that nothing below ``below`` is on its way."""
        line = self._line(key)
        line.below = max(line.below, below)
        due = self._due(key, line, final=False)
        due += self.ready(key)
        while sum(other.size for other in self._lines.values()) > self._limit:
            forced = self._forced()
            if not forced:
                break
            due += forced
        return due

    def ready(self, key: StreamKey) -> list[Due]:
        """Return what follows on a stream without a hole, if a feed brings it."""
        line = self._lines.get(key)
        if line is None or not line.ahead:
            return []
        due = [self._taken(key, line, step) for step in line.batches.parts()]
        # Half of the room: the other half is for what the store brings, which comes only once.
        while self._ahead_bytes > self._limit // 2:
            most = max(self._lines.values(), key=lambda other: sum(other.ahead.values()))
            self._unlearn(most, max(most.ahead))
        return due

    def finish(self) -> list[StreamKey]:
        """Declare that nothing more comes; return the streams to ``drain``, in order.

        What is ahead of the store behind a hole is not lost but not settled: it is unlearnt.
        """
        for line in self._lines.values():
            for number in list(line.ahead):
                self._unlearn(line, number)
        return sorted(self._lines, key=lambda k: (k.device, k.boot, k.stream))

    def drain(self, key: StreamKey) -> list[Due]:
        """Return all that is left of a stream, past every hole."""
        line = self._line(key)
        line.below = max((number for number, _ in line.batches), default=-1) + 1
        return self._due(key, line, final=True)

    def _batch(self, arrival: Sealed | Dropped, *, ahead: bool) -> Verdict:
        line, number = self._line(arrival.key), arrival.number
        is_known = number in line.batches
        verdict = line.batches.add(number, arrival.fact)
        if isinstance(arrival, Sealed) and verdict is Verdict.NEW:
            line.held[number] = arrival
            line.size += arrival.size
        elif verdict is Verdict.CLONE or (
            isinstance(arrival, Dropped) and verdict is Verdict.FORGOTTEN
        ):
            self._let_go(line, number)
        return self._origin(line, arrival, verdict, is_known=is_known, ahead=ahead)

    def _origin(
        self, line: _Line, arrival: Sealed | Dropped, verdict: Verdict, *, is_known: bool,
        ahead: bool,
    ) -> Verdict:  # fmt: skip
        """Note who brought it; a repeat that is the other's copy is none."""
        number, size = arrival.number, arrival.size if isinstance(arrival, Sealed) else 0
        if not ahead:
            first = line.fed.get(number) is False
            line.fed.update({number: True} if first else {})
            self._caught_up(line, number)
        else:
            first = number not in line.fed
            line.fed.setdefault(number, is_known)
            if verdict is Verdict.NEW and (not is_known or number in line.ahead):
                self._caught_up(line, number)
                line.ahead[number] = size
                self._ahead_bytes += size
        return Verdict.AGAIN if verdict is Verdict.REPEAT and first else verdict

    def _whose(self, name: object, verdict: Verdict, *, ahead: bool) -> Verdict:
        """As ``_origin``, for what belongs to no stream."""
        first = name not in self._fed if ahead else self._fed.get(name) is False
        if ahead:
            self._fed.setdefault(name, verdict is Verdict.REPEAT)
        elif first:
            self._fed[name] = True
        return Verdict.AGAIN if verdict is Verdict.REPEAT and first else verdict

    def _caught_up(self, line: _Line, number: int) -> None:
        self._ahead_bytes -= line.ahead.pop(number, 0)

    def _unlearn(self, line: _Line, number: int) -> None:
        self._caught_up(line, number)
        line.batches.forget(number)
        line.fed.pop(number, None)
        self._let_go(line, number)

    def _let_go(self, line: _Line, number: int) -> None:
        sealed = line.held.pop(number, None)
        line.size -= sealed.size if sealed is not None else 0

    def _forced(self) -> list[Due]:
        """Give up on the holes of the stream that holds most of what only the store brings.

        What is ahead has a bound of its own, and giving up on it would free nothing.
        """
        stored = {key: line.size - sum(line.ahead.values()) for key, line in self._lines.items()}
        for key in sorted((k for k, size in stored.items() if size > 0), key=stored.__getitem__,
                          reverse=True):  # fmt: skip
            forced = self._due(key, self._lines[key], final=True)
            if forced:
                return forced
        return []

    def _due(self, key: StreamKey, line: _Line, *, final: bool) -> list[Due]:
        due: list[Due] = []
        for step in line.batches.advance(line.below, final=final):
            if isinstance(step, Take):
                due.append(self._taken(key, line, step))
                continue
            if isinstance(step, Hole):
                self._caught_up(line, step.first)
            due.append(Due(key=key, step=step))
        return due

    def _taken(self, key: StreamKey, line: _Line, step: Take) -> Due:
        sealed = line.held.pop(step.number)
        line.size -= sealed.size
        self._caught_up(line, step.number)
        return Due(key=key, step=sealed)

    def _line(self, key: StreamKey) -> _Line:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line()
            for notice in self._notices[key.stream]:
                line.batches.notice(notice)
            if (ended := self._ends.get((key.device, key.boot))) is not None:
                line.batches.close(_spooled(ended, key.stream))
        return line

    def _end(self, ended: Ended) -> Verdict:
        boot = (ended.device, ended.boot)
        known = boot in self._ends
        self._ends.setdefault(boot, ended)
        for stream in Stream:
            key = StreamKey(device=ended.device, boot=ended.boot, stream=stream)
            self._line(key).batches.close(_spooled(ended, stream))
        return Verdict.REPEAT if known else Verdict.NEW

    def _notice(self, expired: Expired) -> Verdict:
        mark = expired.mark
        notice = Notice(
            partition=mark.partition, from_offset=mark.from_offset, to_offset=mark.to_offset
        )
        streams = [stream for stream, topic in topics.RAW.items() if topic == mark.topic]
        known = all(notice in self._notices[stream] for stream in streams)
        for stream in streams if not known else ():
            self._notices[stream].append(notice)
            for key, line in self._lines.items():
                if key.stream is stream:
                    line.batches.notice(notice)
        return Verdict.REPEAT if known else Verdict.NEW


def _spooled(ended: Ended, stream: Stream) -> int:
    return ended.input_batches if stream is Stream.INPUT else ended.frame_batches
