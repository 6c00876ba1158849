"""One session while it is known: what was seen of it, and as what it was last written."""

from dataclasses import dataclass, field

from overt_processors.core.sessions import runs as sets
from overt_processors.core.sessions.runs import Runs
from overt_schemas.feed import key_of
from overt_schemas.ids import SessionId, Stream
from overt_schemas.records import Session, SessionStream

OPEN = "open"
COMPLETE = "complete"  # both streams from first to final without a hole
CUT = "cut"  # its boot ended before
SILENT = "silent"  # nothing came for so long that nothing can come any more


@dataclass(slots=True)
class Track:
    """One stream of a session."""

    first: bool = False
    final: bool = False
    runs: Runs = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything from its first to its final batch was seen."""
        return self.first and self.final and len(self.runs) == 1

    def holds(self, batch: int) -> bool:
        """Whether a batch that names no activity lies in this one, or right behind its end."""
        if not self.runs or batch < self.runs[0][0]:
            return False
        return batch <= self.runs[-1][1] + (0 if self.final else 1)


@dataclass(slots=True, kw_only=True)
class Entry:
    """One session.

    Attributes:
        counted: offset below which this run of the process need not look: a record said it all.
        changed: offset of the record that changed it last.
        told_state: its state in the newest record handed out; empty before the first.
        told_ms: when that was, in this run of the process.
    """

    device: bytes
    boot: bytes
    activity: int
    person: str
    opened_ms: int
    last_ms: int
    state: str = OPEN
    tracks: tuple[Track, Track] = field(default_factory=lambda: (Track(), Track()))
    counted: int = -1
    changed: int = -1
    told_state: str = ""
    told_ms: int = 0

    @property
    def key(self) -> bytes:
        """The session's name in all indexes."""
        return key_of(SessionId(device=self.device, boot=self.boot, activity=self.activity))

    @property
    def boot_key(self) -> bytes:
        """The boot's name in all indexes."""
        return self.device + self.boot

    @property
    def is_whole(self) -> bool:
        """Whether both streams are."""
        return self.tracks[0].is_whole and self.tracks[1].is_whole

    def is_due(self, now_ms: int, update_ms: int) -> bool:
        """Whether a change of it should be written now: a state at once, counts now and then."""
        # Either way, or a clock set back would silence it.
        return self.state != self.told_state or abs(now_ms - self.told_ms) >= update_ms

    def to_record(self, next_offset: int) -> Session:
        """Return the session record that says all of it."""
        streams = tuple(
            SessionStream(
                stream=int(stream), first=track.first, final=track.final,
                runs=sets.to_records(track.runs),
            )
            for stream, track in zip(Stream, self.tracks, strict=True)
            if track.runs
        )  # fmt: skip
        return Session(
            device=self.device, boot=self.boot, activity=self.activity, person=self.person,
            state=self.state, input_batches=sets.count(self.tracks[Stream.INPUT].runs),
            frame_batches=sets.count(self.tracks[Stream.FRAME].runs), opened_ms=self.opened_ms,
            last_ms=self.last_ms, next_offset=next_offset, streams=streams,
        )  # fmt: skip


def from_record(record: Session) -> Entry:
    """Return the session that a record says all of."""
    tracks = (Track(), Track())
    for stream in record.streams:
        track = tracks[Stream(stream.stream)]
        track.first, track.final = stream.first, stream.final
        track.runs = sets.from_records(stream.runs)
    return Entry(
        device=record.device, boot=record.boot, activity=record.activity, person=record.person,
        opened_ms=record.opened_ms, last_ms=record.last_ms, state=record.state, tracks=tracks,
        counted=record.next_offset, told_state=record.state,
    )  # fmt: skip
