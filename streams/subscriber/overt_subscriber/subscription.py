"""The one iterator over what a grant covers: events, frames, gaps, sessions.

``for item in subscription`` yields, within a session and stream, everything once and in order:

* ``Event``, ``Frame``: content, opened in this process's memory and nowhere else;
* ``Gap``: a labelled hole, or ``unexplained``; a cut session ends with one ``killed`` gap;
* ``Rejected``: a record that was forged, broken or opened to nothing; it was not taken;
* ``Session``: once it is settled, or at the end; afterwards nothing more of it comes.

Iterating blocks on the authority (listing, reading, releases) and raises its client's errors:
``Refused`` with the authority's code when the grant does not hold, ``Transient`` when the bounded
retries are used up, ``Untrusted`` when its certificate or key set is not under the pinned root.
Nothing is prefetched past the batch at hand but one chunk of sealed runs. Not thread-safe; iterate
once. Closing the iterator stops the source.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from overt_schemas.envelope.batch import SIGNED_REASONS, UNSIGNED_REASONS
from overt_schemas.envelope.marks import WITHHELD_REASONS
from overt_schemas.errors import Malformed, Permanent, Untrusted
from overt_schemas.ids import Stream
from overt_schemas.records import InputBatch, StoredPart
from overt_schemas.signing import Keyring
from overt_subscriber import boot as boots
from overt_subscriber import telemetry
from overt_subscriber.batches import ERASED, UNEXPLAINED, Hole, OutOfScope, Verdict
from overt_subscriber.frames import Frame, Proof
from overt_subscriber.intake import Arrival, Dropped, Ended, Expired, Sealed, admit
from overt_subscriber.opener import Closed, Opened, Opener, Releaser
from overt_subscriber.order import HELD_BYTES, Boot, Due, Order
from overt_subscriber.report import Report
from overt_subscriber.sessions import Session, State, sessions
from overt_subscriber.source import (
    Ahead,
    Erased,
    Idle,
    News,
    Quiet,
    Settled,
    Source,
    Unreadable,
    Withdrawn,
)
from overt_subscriber.values import Gap, InputBlock, Item, Rejected

KILLED = "killed"
TOMBSTONES = SIGNED_REASONS | UNSIGNED_REASONS
RASTER_BYTES = 512 * 1_048_576  # of screens kept drawn; the others are drawn again when they go on
BOTH = (Stream.INPUT, Stream.FRAME)
Block = InputBlock | Frame | Gap | Rejected | Session


class Keys(Releaser, Protocol):
    """Who hands out data keys and says whose signatures count."""

    def keyring(self) -> Keyring:
        """Return the key set in force, verified against the pinned root."""
        ...


class Subscription:
    """A read under one grant and purpose; ``report`` counts as it goes.

    Args:
        source: stored data or a live feed.
        keys: the authority's client.
        streams: what the grant covers; a session is complete when these are.
        until: asked with the report whenever the source has caught up, and now and then while a
            live one waits; true ends the iteration.
        held_bytes: most sealed bytes that may wait for a batch that is missing.
    """

    def __init__(
        self, source: Source, keys: Keys, *, grant: str, purpose: str,
        streams: Sequence[Stream] = BOTH, until: Callable[[Report], bool] | None = None,
        held_bytes: int = HELD_BYTES,
    ) -> None:  # fmt: skip
        self.report = Report()
        self._source, self._keys, self._streams = source, keys, tuple(streams)
        self._until = until
        self._opener = Opener(keys, grant, purpose)
        self._order = Order(held_bytes)
        self._readers: dict[Boot, boots.BootReader] = {}
        self._drawn: OrderedDict[Boot, int] = OrderedDict()
        self._changed: set[Boot] = set()
        self._told: set[object] = set()
        self._ring: Keyring | None = None
        self._may_refresh = True

    def __iter__(self) -> Iterator[Item]:
        """Yield events one by one, and the rest as it is."""
        for block in self.blocks():
            if isinstance(block, InputBlock):
                yield from boots.events(block)
            else:
                yield block

    def blocks(self) -> Iterator[Block]:
        """Yield events as columns, a batch at a time; the rest as ``__iter__`` does."""
        self._ring = self._keys.keyring()
        for news in self._source:
            yield from self._on(news)
            if self._until is None or not isinstance(news, Idle | Quiet):
                continue
            if self._until(self.report):
                break
        for key in self._order.finish():
            yield from self._open(self._order.drain(key))
        yield from self._sessions(final=True)

    def _on(self, news: News) -> Iterator[Block]:
        match news:
            case StoredPart():
                yield from self._arrived(news)
            case Ahead():
                yield from self._arrived(news.record, ahead=True)
            case Quiet():
                pass
            case Unreadable():
                yield self._reject("split", news.reason)
            case Withdrawn():
                self.report.refused[news.reason] += news.runs
            case Erased():
                self.report.refused[ERASED] += 1
                if news.key is not None:
                    self._order.erased(news.key, news.first, news.last)
            case Settled():
                yield from self._open(self._order.settle(news.key, news.below))
            case Idle():
                self._may_refresh = True
                yield from self._sessions(final=False)

    def _arrived(self, stored: StoredPart, *, ahead: bool = False) -> Iterator[Block]:
        try:
            arrival = self._admit(stored)
        except Permanent as exc:
            yield self._reject("verify", exc.reason)
            return
        verdict = self._order.add(arrival, ahead=ahead)
        self._count(arrival, verdict)
        if ahead and isinstance(arrival, Sealed):
            self.report.from_feed += verdict is Verdict.NEW
            yield from self._open(self._order.ready(arrival.key))

    def _admit(self, stored: StoredPart) -> Arrival:
        if self._ring is None:
            raise Untrusted("no key set", reason="key_set")
        try:
            return admit(stored, self._ring)
        except Untrusted as exc:
            if exc.reason != "unknown_key" or not self._may_refresh:
                raise
        # A processor may have been certified since; asked once until the source is idle again.
        self._may_refresh = False
        self._ring = self._keys.keyring()
        return admit(stored, self._ring)

    def _count(self, arrival: Arrival, verdict: Verdict) -> None:
        report = self.report
        report.repeats += verdict is Verdict.REPEAT
        report.late += verdict is Verdict.LATE
        report.quarantined = self._order.clones()
        match arrival:
            case Sealed():
                report.parts += verdict is not Verdict.AGAIN
                self._changed.add((arrival.key.device, arrival.key.boot))
            case Dropped():
                self._changed.add((arrival.key.device, arrival.key.boot))
            case Ended():
                self._changed.add((arrival.device, arrival.boot))
            case Expired():
                self._changed |= self._order.boots()

    def _open(self, due: list[Due]) -> Iterator[Block]:
        sealed = [item.step for item in due if isinstance(item.step, Sealed)]
        opened = iter(self._opener.open_all(sealed))
        self.report.chain_breaks = self._order.breaks()
        for item in due:
            reader = self._reader((item.key.device, item.key.boot))
            match item.step:
                case OutOfScope():
                    reader.skip(item.key.stream, item.step)
                case Hole():
                    yield self._hole(reader, item.key.stream, item.step)
                case Sealed():
                    yield from self._content(reader, next(opened))

    def _hole(self, reader: boots.BootReader, stream: Stream, hole: Hole) -> Gap:
        reader.missing(stream, hole.reason)
        count = hole.last - hole.first + 1
        if hole.reason == UNEXPLAINED:
            self.report.holes += count
        elif hole.reason in TOMBSTONES:
            self.report.tombstones += count
        elif hole.reason in WITHHELD_REASONS:
            self.report.withheld[hole.reason] += count
        return Gap(session=None, stream=stream, reason=hole.reason, batches=count)

    def _content(self, reader: boots.BootReader, content: Opened | Closed) -> Iterator[Block]:
        sealed, stream = content.sealed, content.sealed.key.stream
        session = sealed.segment.session
        if isinstance(content, Closed):
            if not content.refused:
                reader.missing(stream, UNEXPLAINED)
                yield self._reject("open", content.reason)
                return
            reader.missing(stream, content.reason)
            self.report.refused[content.reason] += 1
            yield Gap(session=session, stream=stream, reason=content.reason, batches=1)
            return
        self.report.opened(sealed.key, sealed.segment.segment, sealed.header.flags)
        if not isinstance(content.batch, InputBatch):
            for item in reader.frames(session, content.batch):
                self._tell(item)
                yield item
            self._bound_rasters((sealed.key.device, sealed.key.boot), reader)
            return
        try:
            for block in reader.input(session, sealed.number, content.batch):
                self._tell(block)
                yield block
        except Malformed as exc:
            reader.missing(stream, UNEXPLAINED)
            yield self._reject("columns", exc.reason)

    @property
    def raster_bytes(self) -> int:
        """What the screens that are kept drawn take in memory."""
        return sum(self._drawn.values())

    def _bound_rasters(self, boot: Boot, reader: boots.BootReader) -> None:
        self._drawn.pop(boot, None)
        if reader.raster_bytes:
            self._drawn[boot] = reader.raster_bytes
        while len(self._drawn) > 1 and self.raster_bytes > RASTER_BYTES:
            oldest, _ = self._drawn.popitem(last=False)
            self._readers[oldest].rest()

    def _tell(self, item: InputBlock | Frame | Gap) -> None:
        match item:
            case Frame():
                self.report.frames += 1
                self.report.frames_bad += item.proof is not Proof.VERIFIED
            case Gap():
                gaps = self.report.gaps if item.stream is Stream.INPUT else self.report.frame_gaps
                gaps[item.reason] += item.count
            case InputBlock():
                pass

    def _sessions(self, *, final: bool) -> Iterator[Gap | Session]:
        for boot in sorted(self._order.boots() if final else self._changed):
            states = sessions(*boot, self._order.streams(boot), self._streams)
            self.report.record(states)
            if self._order.is_waiting(boot):
                continue
            for session in states:
                if (session.is_settled or final) and session.id not in self._told:
                    self._told.add(session.id)
                    yield from self._farewell(boot, session)
        self._changed.clear()

    def _farewell(self, boot: Boot, session: Session) -> Iterator[Gap | Session]:
        ended = self._order.ended(boot)
        if session.state is State.CUT and ended is not None:
            self.report.killed += 1
            last_us = self._reader(boot).last_us.get(session.id, 0)
            yield Gap(
                session=session.id, stream=Stream.INPUT, reason=KILLED, from_us=last_us,
                to_us=max(ended.at_us, last_us),
            )  # fmt: skip
        yield session

    def _reader(self, boot: Boot) -> boots.BootReader:
        reader = self._readers.get(boot)
        if reader is None:
            tally = self.report.boot(*boot).tally
            reader = self._readers[boot] = boots.BootReader(tally)
        return reader

    def _reject(self, stage: str, reason: str) -> Rejected:
        telemetry.record_rejected(stage, reason)
        self.report.rejected[f"{stage}:{reason}"] += 1
        return Rejected(stage=stage, reason=reason)
