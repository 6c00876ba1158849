"""What a reader counted: the summary that `overt-sub read` prints. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from overt_schemas.ids import SessionId, Stream
from overt_subscriber.batches import StreamKey
from overt_subscriber.sessions import Session, State
from overt_subscriber.tally import Tally


@dataclass(slots=True, kw_only=True)
class BootCount:
    """What one boot of one device gave."""

    tally: Tally = field(default_factory=Tally)
    input_batches: int = 0
    frame_batches: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """Running counts of one subscription; read it at any time."""

    boots: dict[tuple[bytes, bytes], BootCount] = field(default_factory=dict)
    sessions: dict[SessionId, Session] = field(default_factory=dict)
    repeats: int = 0
    quarantined: int = 0
    late: int = 0
    holes: int = 0
    chain_breaks: int = 0
    frames: int = 0
    frames_bad: int = 0
    segments: set[tuple[StreamKey, int]] = field(default_factory=set)
    parts: int = 0
    from_feed: int = 0  # of them, those that the feed brought before the store
    tombstones: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    frame_gaps: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)

    def boot(self, device: bytes, boot: bytes) -> BootCount:
        """Return the counts of one boot."""
        return self.boots.setdefault((device, boot), BootCount())

    def opened(self, key: StreamKey, segment: int, flags: Iterable[str]) -> None:
        """Count one batch that was opened, and what its processor marked on it."""
        self.segments.add((key, segment))
        self.flags.update(flags)
        count = self.boot(key.device, key.boot)
        if key.stream is Stream.INPUT:
            count.input_batches += 1
        else:
            count.frame_batches += 1

    def record(self, sessions: Iterable[Session]) -> None:
        """Take the newest state of sessions."""
        self.sessions.update((session.id, session) for session in sessions)

    @property
    def is_settled(self) -> bool:
        """Whether there are sessions and nothing more is expected of any."""
        return bool(self.sessions) and all(s.is_settled for s in self.sessions.values())

    @property
    def read(self) -> int:
        """Distinct input events handed on."""
        return sum(count.tally.read for count in self.boots.values())

    @property
    def lost(self) -> int:
        """Input events that are missing and that nothing explains."""
        return sum(count.tally.lost for count in self.boots.values())

    @property
    def thinned(self) -> int:
        """Input events that a processor left out by policy, and counted."""
        return sum(count.tally.thinned for count in self.boots.values())

    @property
    def frames_missing(self) -> int:
        """Frames between others of a batch that are not there, and that nothing explains."""
        return sum(count.tally.frames_missing for count in self.boots.values())

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found that should not be there, or that should and is not."""
        red = any(s.state is State.RED for s in self.sessions.values())
        bad = self.quarantined or self.chain_breaks or self.frames_bad or self.rejected or self.late
        return not (red or bad or self.lost or self.frames_missing)

    def to_json(self) -> dict[str, Any]:
        """Return the summary object; the only identities in it are device and boot numbers."""
        states = Counter(session.state for session in self.sessions.values())
        tallies = [count.tally for count in self.boots.values()]
        gaps = self.gaps + sum((t.dropped for t in tallies), Counter())
        return {
            "read": self.read,
            "repeats": self.repeats,
            "quarantined": self.quarantined,
            "out_of_order": sum(t.out_of_order for t in tallies),
            "duplicated": sum(t.duplicated for t in tallies),
            "thinned": self.thinned,
            "lost": self.lost,
            "frames_read": self.frames,
            "sessions": len(self.sessions),
            **{state.value: states[state] for state in State},
            "segments": len(self.segments),
            "parts": self.parts,
            "from_feed": self.from_feed,
            "gaps": dict(sorted(gaps.items())),
            "frame_gaps": dict(sorted(self.frame_gaps.items())),
            "tombstones": self.tombstones,
            "withheld": dict(sorted(self.withheld.items())),
            "killed": self.killed,
            "holes": self.holes,
            "late": self.late,
            "chain_breaks": self.chain_breaks,
            "frames_bad": self.frames_bad,
            "frames_missing": self.frames_missing,
            "flags": dict(sorted(self.flags.items())),
            "rejected": dict(sorted(self.rejected.items())),
            "refused": dict(sorted(self.refused.items())),
            "per_device": self._per_device(),
        }

    def _per_device(self) -> dict[str, dict[str, dict[str, int]]]:
        devices: dict[str, dict[str, dict[str, int]]] = {}
        for (device, boot), count in sorted(self.boots.items()):
            devices.setdefault(device.hex(), {})[boot.hex()] = {
                "events": count.tally.read,
                "thinned": count.tally.thinned,
                "last_seq": count.tally.last_seq,
                "input_batches": count.input_batches,
                "frame_batches": count.frame_batches,
            }
        return devices
