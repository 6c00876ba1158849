"""Sealed parts put in order: what arrives in any order leaves once, in order, boot by boot.

Holds sealed parts in memory only while a batch before them may still come, and at most
``held_bytes`` of them: past that, the stream that holds most gives up on its hole. Pure.
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


class Order:
    """The sets of batches of a subscription."""

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._limit = held_bytes
        self._lines: dict[StreamKey, _Line] = {}
        self._ends: dict[Boot, Ended] = {}
        self._notices: dict[Stream, list[Notice]] = {stream: [] for stream in Stream}

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
        """Whether parts of a boot are held back."""
        return any(line.held for key, line in self._lines.items() if (key.device, key.boot) == boot)

    def clones(self) -> int:
        """Return how many batches are in quarantine."""
        return sum(line.batches.clones for line in self._lines.values())

    def breaks(self) -> int:
        """Return how often the chain of hashes did not fit."""
        return sum(line.batches.breaks for line in self._lines.values())

    def add(self, arrival: Arrival) -> Verdict:
        """Take in what arrived; a part that is ``NEW`` is held until its turn."""
        match arrival:
            case Sealed():
                return self._part(arrival)
            case Dropped():
                line = self._line(arrival.key)
                verdict = line.batches.add(arrival.number, arrival.fact)
                if verdict in (Verdict.CLONE, Verdict.FORGOTTEN):
                    self._let_go(line, arrival.number)
                return verdict
            case Ended():
                return self._end(arrival)
            case Expired():
                return self._notice(arrival)

    def settle(self, key: StreamKey, below: int) -> list[Due]:
        """Return what is due on a stream, knowing that nothing below ``below`` is on its way."""
        line = self._line(key)
        line.below = max(line.below, below)
        due = self._due(key, line, final=False)
        while sum(other.size for other in self._lines.values()) > self._limit:
            key, line = max(self._lines.items(), key=lambda item: item[1].size)
            forced = self._due(key, line, final=True)
            if not forced:
                break
            due += forced
        return due

    def finish(self) -> list[StreamKey]:
        """Declare that nothing more comes; return the streams to ``drain``, in order."""
        return sorted(self._lines, key=lambda k: (k.device, k.boot, k.stream))

    def drain(self, key: StreamKey) -> list[Due]:
        """Return all that is left of a stream, past every hole."""
        line = self._line(key)
        line.below = max((number for number, _ in line.batches), default=-1) + 1
        return self._due(key, line, final=True)

    def _part(self, sealed: Sealed) -> Verdict:
        line = self._line(sealed.key)
        verdict = line.batches.add(sealed.number, sealed.fact)
        if verdict is Verdict.NEW:
            line.held[sealed.number] = sealed
            line.size += sealed.size
        elif verdict is Verdict.CLONE:
            self._let_go(line, sealed.number)
        return verdict

    def _let_go(self, line: _Line, number: int) -> None:
        sealed = line.held.pop(number, None)
        line.size -= sealed.size if sealed is not None else 0

    def _due(self, key: StreamKey, line: _Line, *, final: bool) -> list[Due]:
        due: list[Due] = []
        for step in line.batches.advance(line.below, final=final):
            if not isinstance(step, Take):
                due.append(Due(key=key, step=step))
                continue
            sealed = line.held.pop(step.number)
            line.size -= sealed.size
            due.append(Due(key=key, step=sealed))
        return due

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
        for stream in streams:
            self._notices[stream].append(notice)
            for key, line in self._lines.items():
                if key.stream is stream:
                    line.batches.notice(notice)
        return Verdict.REPEAT if known else Verdict.NEW


def _spooled(ended: Ended, stream: Stream) -> int:
    return ended.input_batches if stream is Stream.INPUT else ended.frame_batches
