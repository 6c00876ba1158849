"""The audit log: one append-only file, flushed before anybody gets anything.

Layout: for each entry its length and CRC-32 (4 bytes each, big-endian), then the packed AuditEntry;
the packed bytes are the leaf of the Merkle tree. A batch is written and flushed as one; ``append``
returns only after the flush. What a crash cut off in the middle was never flushed, so nothing was
released on it: it is removed at the next start, unless it had been published already.
"""

import fcntl
import os
import struct
import threading
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from overt_authority import telemetry
from overt_authority.log.merkle import EMPTY, Frontier, leaf_hash
from overt_schemas import codec
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent, Transient, Untrusted
from overt_schemas.records import AuditEntry

_HEAD = struct.Struct(">II")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry before it has its place and time."""

    kind: str
    actor: str
    grant: str = ""
    purpose: str = ""
    person: str = ""
    detail: str = ""


class AuditLog:
    """The log as one process holds it; may be used by several threads."""

    def __init__(self, path: Path, clock: Clock, flush: Callable[[int], None] = os.fsync) -> None:
        self._path, self._clock, self._flush = path, clock, flush
        self._lock = threading.Lock()
        self._offsets = array("Q")
        self._frontier = Frontier()
        self._end = 0
        self._file = -1
        self._is_dirty = False  # bytes of a failed batch may stand behind the end

    def open(self, published: int = 0, head: bytes = EMPTY) -> None:
        """Read the log through and cut what was never flushed off its end.

        ``published`` entries with that head were told to others: they must still be there.

        Raises:
            Untrusted: they are not; the file is left as it is.
            Permanent: another process has it open: two would write over each other's entries.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process
        except OSError as exc:
            raise Permanent(
                "another authority writes this audit log: stop it first", reason="log"
            ) from exc
        _flush_folder(self._path.parent)
        known = EMPTY if published == 0 else b""
        with self._path.open("rb") as file:
            while (body := _next_body(file.read)) is not None:
                self._take(body)
                if self._frontier.size == published:
                    known = self._frontier.root()
        if known != head:
            raise Untrusted(
                "the audit log lacks entries it had published: restore it before you start",
                reason="log",
            )
        cut = self._path.stat().st_size - self._end
        os.ftruncate(self._file, self._end)
        telemetry.log_recovered(len(self._offsets), cut)

    def close(self) -> None:
        """Close the file; every entry was flushed when it was appended."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def append(self, drafts: Sequence[Draft]) -> tuple[AuditEntry, ...]:
        """Return the entries once all of them are on the disk.

        Raises:
            Transient: the disk does not take them; then none of them is in the log, and the caller
                must not do what it wanted to log.
        """
        with self._lock:
            at_ms, first = self._clock.wall_us() // 1000, self._frontier.size
            entries = tuple(_entry(d, first + n, at_ms) for n, d in enumerate(drafts))
            bodies = [codec.pack(entry) for entry in entries]
            data = b"".join(_HEAD.pack(len(b), zlib.crc32(b)) + b for b in bodies)
            try:
                if self._is_dirty:
                    os.ftruncate(self._file, self._end)
                self._is_dirty = True
                _write_all(self._file, data, self._end)
                self._flush(self._file)
                self._is_dirty = False
            except OSError as exc:
                raise Transient("the audit log cannot be flushed", reason="log") from exc
            for body in bodies:
                self._take(body)
            return entries

    def check(self) -> None:
        """Return if the log's disk takes and flushes bytes now, else raise ``Transient``."""
        probe = self._path.with_suffix(".probe")
        try:
            with self._lock:
                descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                try:
                    _write_all(descriptor, bytes(4096), 0)
                    self._flush(descriptor)
                finally:
                    os.close(descriptor)
                    probe.unlink(missing_ok=True)
        except OSError as exc:
            raise Transient("the audit log cannot be flushed", reason="log") from exc

    def head(self) -> Frontier:
        """Return the tree of everything flushed so far."""
        return self._frontier

    def entries(self, start: int, stop: int) -> list[AuditEntry]:
        """Return entries [start, stop), as far as there are any."""
        return [codec.unpack(AuditEntry, body) for body in self.bodies(start, stop)]

    def bodies(self, start: int, stop: int) -> list[bytes]:
        """Return the packed entries [start, stop): the leaves."""
        with self._lock:
            places = self._offsets[start:stop]
        return [self._body(offset) for offset in places]

    def _take(self, body: bytes) -> None:
        self._offsets.append(self._end)
        self._end += _HEAD.size + len(body)
        self._frontier = self._frontier.append(leaf_hash(body))

    def _body(self, offset: int) -> bytes:
        length, _ = _HEAD.unpack(os.pread(self._file, _HEAD.size, offset))
        return os.pread(self._file, length, offset + _HEAD.size)


def _next_body(read: Callable[[int], bytes]) -> bytes | None:
    head = read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    body = read(length) if length <= codec.MAX_BYTES else b""
    whole = len(body) == length and length > 0 and zlib.crc32(body) == checksum
    return body if whole else None


def _entry(draft: Draft, number: int, at_ms: int) -> AuditEntry:
    return AuditEntry(
        number=number, at_ms=at_ms, kind=draft.kind, actor=draft.actor, grant=draft.grant,
        purpose=draft.purpose, person=draft.person, detail=draft.detail,
    )  # fmt: skip


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
