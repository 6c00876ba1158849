"""From the records of one partition of overt.part.v1, in order, to its sessions.

What a session is, is a function of the records before an offset alone, so repeats, restarts and
another worker come to the same. ``step`` and ``tick`` change the memory, ``due`` hands out what is
to be written, ``safe`` says below which offset every change stands in a record that was written.

A session is closed once: by its last missing batch (complete), by the end of its boot (cut), or by
time (silent). What comes later is still counted, and may yet make a cut or silent one complete; it
never opens it again.
"""

from enum import Enum

from overt_processors.core.sessions import runs
from overt_processors.core.sessions.entry import COMPLETE, CUT, OPEN, SILENT, Entry, Track
from overt_processors.core.sessions.reading import Ended, Expired, Missed, News, Seen
from overt_processors.core.sessions.runs import Added
from overt_processors.core.sessions.state import Memory
from overt_schemas.feed import key_of
from overt_schemas.ids import SessionId
from overt_schemas.records import Session

# Closed sessions that are remembered at most, a partition; past it the oldest are let go. 200,000
# ids are some 30 MB, and a week of 2,000 people in it.
_DONE_LIMIT, _CLOSED_LIMIT = 200_000, 20_000
# Open ones, a partition: who goes on is never the oldest of so many, so only a device that begins
# sessions without end closes any (800 B each). And what is looked through for a mark or a first
# batch, a boot: 256 take half a millisecond, 20,000 took 27.
_OPEN_LIMIT, _BOOT_LIMIT = 20_000, 256


class Effect(Enum):
    """What a record was to the sessions."""

    COUNTED = "counted"
    REPEATED = "repeated"
    UNPLACED = "unplaced"  # a mark that lies in no session known
    OVER = "runs_overflow"
    BOOT_ENDED = "boot_ended"
    EXPIRED = "raw_expired"


def step(memory: Memory, news: News, offset: int, append_ms: int) -> Effect:
    """Take the record at ``offset``; ``append_ms`` is the broker's time, and the time of it all."""
    _pass_time(memory, append_ms, offset)
    memory.position = offset + 1
    match news:
        case Seen():
            return _seen(memory, news, offset, append_ms)
        case Missed():
            return _missed(memory, news, offset, append_ms)
        case Ended():
            return _ended(memory, news, offset, append_ms)
        case Expired():
            return Effect.EXPIRED


def skip(memory: Memory, offset: int) -> None:
    """Step over a record that says nothing."""
    memory.position = offset + 1


def tick(memory: Memory, now_ms: int, reached: int) -> None:
    """Let time pass where no record does; only for who has handled all there is.

    ``reached`` is the offset behind the last record there is.
    """
    memory.position = max(memory.position, reached)
    _pass_time(memory, now_ms - memory.rules.settle_ms, memory.position)


def due(memory: Memory, now_ms: int, *, everything: bool = False) -> tuple[Session, ...]:
    """Return what is to be written now; call ``written`` once all of it stands."""
    records = []
    for key in list(memory.dirty):
        entry = _entry(memory, key)
        if not everything and not entry.is_due(now_ms, memory.rules.update_ms):
            continue
        memory.writing[key] = memory.dirty.pop(key)
        memory.finished.pop(key, None)
        entry.told_ms, entry.told_state = now_ms, entry.state
        records.append(entry.to_record(memory.position))
    return tuple(records)


def changed(memory: Memory, key: bytes) -> int:
    """Return the offset of the record that changed a dirty session last."""
    return _entry(memory, key).changed


def written(memory: Memory) -> None:
    """Everything handed out stands."""
    memory.writing.clear()


def safe(memory: Memory) -> int:
    """Return the offset below which every change stands in a record that was written."""
    # Both in the order in which they were put there, so the first is the lowest.
    waiting = [next(iter(d.values())) for d in (memory.dirty, memory.writing) if d]
    return min(waiting, default=memory.position)


def _entry(memory: Memory, key: bytes) -> Entry:
    return memory.finished.get(key) or memory.open.get(key) or memory.closed[key]


def _seen(memory: Memory, seen: Seen, offset: int, now_ms: int) -> Effect:
    session = SessionId(device=seen.device, boot=seen.boot, activity=seen.activity)
    key, boot = key_of(session), seen.device + seen.boot
    if seen.first:
        _end_before(memory, boot, seen, offset)
    if key in memory.done:
        return Effect.REPEATED
    entry = memory.open.get(key) or memory.closed.get(key)
    if entry is None:
        _make_room(memory, boot, offset)
        entry = _begin(memory, key, boot, seen, now_ms)
    if offset < entry.counted:
        return Effect.REPEATED
    track = entry.tracks[seen.stream]
    added = runs.add(track.runs, seen.batch)
    if added is Added.OVER:
        return Effect.OVER
    flags = (track.first or seen.first, track.final or seen.final)
    if added is Added.KNOWN and flags == (track.first, track.final):
        return Effect.REPEATED
    track.first, track.final = flags
    _change(memory, key, entry, offset, now_ms if added is Added.NEW else entry.last_ms)
    return Effect.COUNTED


def _begin(memory: Memory, key: bytes, boot: bytes, seen: Seen, now_ms: int) -> Entry:
    entry = Entry(
        device=seen.device, boot=seen.boot, activity=seen.activity, person=seen.person,
        opened_ms=now_ms, last_ms=now_ms,
    )  # fmt: skip
    if boot in memory.ended:  # the other stream told of the end first
        entry.state = CUT
    shelf = memory.open if entry.state == OPEN else memory.closed
    shelf[key] = memory.boots.setdefault(boot, {})[key] = entry
    return entry


def _make_room(memory: Memory, boot: bytes, offset: int) -> None:
    """Let the oldest sessions of a boot that has too many out of its index, closed."""
    siblings = memory.boots.get(boot, {})
    while len(siblings) >= _BOOT_LIMIT:
        key, entry = next(iter(siblings.items()))
        if entry.state == OPEN:
            _close(memory, key, entry, SILENT, offset)
        del siblings[key]


def _end_before(memory: Memory, boot: bytes, seen: Seen, offset: int) -> None:
    """An activity begins: if the one before it was seen up to here, its final batch was, too.

    That one was dropped on purpose, or it would have said so itself.
    """
    for key, entry in list(memory.boots.get(boot, {}).items()):
        track = entry.tracks[seen.stream]
        ends_here = track.runs and track.runs[-1][1] + 1 == seen.batch
        is_before = entry.activity < seen.activity and entry.counted <= offset
        if ends_here and is_before and not track.final:
            track.final = True
            _change(memory, key, entry, offset, entry.last_ms)


def _missed(memory: Memory, missed: Missed, offset: int, now_ms: int) -> Effect:
    found: tuple[bytes, Entry, Track] | None = None
    for key, entry in memory.boots.get(missed.device + missed.boot, {}).items():
        track = entry.tracks[missed.stream]
        if offset < entry.counted:  # it is ahead of this record, and took it if it was to
            if runs.holds(track.runs, missed.batch):
                return Effect.REPEATED
        elif track.holds(missed.batch) and (
            found is None or track.runs[0][0] > found[2].runs[0][0]
        ):
            found = key, entry, track
    if found is None:
        return Effect.UNPLACED
    key, entry, track = found
    match runs.add(track.runs, missed.batch):
        case Added.NEW:
            _change(memory, key, entry, offset, now_ms)
            return Effect.COUNTED
        case Added.KNOWN:
            return Effect.REPEATED
        case Added.OVER:
            return Effect.OVER


def _ended(memory: Memory, end: Ended, offset: int, now_ms: int) -> Effect:
    boot = end.device + end.boot
    memory.ended[boot] = now_ms
    memory.ended.move_to_end(boot)
    for key, entry in memory.boots.get(boot, {}).items():
        if entry.state == OPEN:
            _close(memory, key, entry, CUT, offset)
    return Effect.BOOT_ENDED


def _change(memory: Memory, key: bytes, entry: Entry, offset: int, last_ms: int) -> None:
    entry.changed = offset
    memory.dirty.setdefault(key, offset)
    if entry.is_whole:
        entry.state, entry.last_ms = COMPLETE, last_ms
        memory.open.pop(key, None)
        memory.closed.pop(key, None)
        _leave_boot(memory, key, entry)
        memory.done[key], memory.finished[key] = last_ms, entry
    elif last_ms != entry.last_ms:
        entry.last_ms = last_ms
        (memory.open if entry.state == OPEN else memory.closed).move_to_end(key)


def _close(memory: Memory, key: bytes, entry: Entry, state: str, offset: int) -> None:
    entry.state, entry.changed = state, offset
    del memory.open[key]
    memory.closed[key] = entry
    memory.dirty.setdefault(key, offset)


def _pass_time(memory: Memory, now_ms: int, offset: int) -> None:
    silent_ms, keep_ms = memory.rules.silent_ms, memory.rules.keep_ms
    while memory.open:
        key, entry = next(iter(memory.open.items()))
        if entry.last_ms + silent_ms > now_ms and len(memory.open) <= _OPEN_LIMIT:
            break
        _close(memory, key, entry, SILENT, offset)
    while memory.closed:
        key, entry = next(iter(memory.closed.items()))
        is_old = entry.last_ms + keep_ms <= now_ms or len(memory.closed) > _CLOSED_LIMIT
        if not is_old or key in memory.dirty:
            break
        del memory.closed[key]
        _leave_boot(memory, key, entry)
    for shelf in (memory.done, memory.ended):
        while shelf:
            name, at_ms = next(iter(shelf.items()))
            if at_ms + keep_ms > now_ms and len(shelf) <= _DONE_LIMIT:
                break
            del shelf[name]


def _leave_boot(memory: Memory, key: bytes, entry: Entry) -> None:
    siblings = memory.boots.get(entry.boot_key, {})
    siblings.pop(key, None)  # one of too many left before
    if not siblings:
        memory.boots.pop(entry.boot_key, None)
