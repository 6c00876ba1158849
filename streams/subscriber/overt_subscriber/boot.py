"""What the batches of one boot say, in order: input blocks, frames, gaps. Pure."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from overt_schemas import columns, records
from overt_schemas.columns import Columns, Kind
from overt_schemas.ids import SessionId, Stream
from overt_subscriber.batches import OutOfScope
from overt_subscriber.frames import Frame, Screen
from overt_subscriber.tally import Tally
from overt_subscriber.values import Event, Gap, InputBlock


class BootReader:
    """Reads one boot's batches as they become due; its tally is the boot's account."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._screen = Screen()
        self._focus: records.Context | None = None
        self.last_us: dict[SessionId, int] = {}

    @property
    def raster_bytes(self) -> int:
        """What the boot's screen takes in memory now."""
        return self._screen.raster_bytes

    def rest(self) -> None:
        """Let go of what can be made again."""
        self._screen.rest()

    def missing(self, stream: Stream, reason: str) -> None:
        """Learn that batches before the next one are not there; ``reason`` labels their events."""
        if stream is Stream.FRAME:
            self._screen.missed()
        else:
            self._tally.passed(reason)

    def skip(self, stream: Stream, _: OutOfScope) -> None:
        """Learn that batches before the next one are another person's."""
        if stream is Stream.FRAME:
            self._screen.missed()
        else:
            self._tally.reset()

    def input(
        self, session: SessionId, number: int, batch: records.InputBatch
    ) -> Iterator[InputBlock | Gap]:
        """Yield a batch's events as one block, then its gaps.

        Raises:
            Malformed: columns that do not fit each other.
        """
        views, seqs = columns.read(batch), columns.seqs(batch)
        fresh = self._tally.take(batch.first_seq, seqs, _thinned(batch.gaps))
        if not fresh.all():
            seqs = seqs[fresh]
            views = Columns(
                **{name: getattr(views, name)[fresh] for name in columns.Columns.__slots__}
            )
        if batch.first:
            self._focus = None
        contexts = ((self._focus,) if self._focus is not None else ()) + batch.contexts
        self._focus = contexts[-1] if contexts else None
        t_us = views.dt.astype(np.int64) + batch.start_us
        if len(seqs):
            self.last_us[session] = int(t_us[-1])
            yield InputBlock(
                session=session, batch=number, seq=seqs, t_us=t_us, columns=views,
                contexts=contexts,
            )  # fmt: skip
        yield from _gaps(session, Stream.INPUT, batch.gaps)

    def frames(self, session: SessionId, batch: records.FrameBatch) -> Iterator[Frame | Gap]:
        """Yield the frames that a batch completes, then its gaps."""
        numbers = (frame.number for frame in batch.frames)
        self._tally.take_frames(batch.prev_frame, numbers, _thinned(batch.gaps))
        for frame in self._screen.feed(session, batch):
            self.last_us[session] = max(self.last_us.get(session, 0), frame.until_us)
            yield frame
        if batch.final:
            self._screen = Screen()  # the next activity begins with a keyframe
        yield from _gaps(session, Stream.FRAME, batch.gaps)


def events(block: InputBlock) -> Iterator[Event]:
    """Yield a block's events one by one, each with the application that had the focus."""
    views = block.columns
    starts = np.array([context.t_us for context in block.contexts], np.int64)
    focus = np.searchsorted(starts, block.t_us, side="right") - 1
    # A context may begin with its first event, or a little after in another clock's rounding.
    contexts = block.contexts or (records.Context(t_us=0, app="", title=""),)
    lists = (
        block.seq, block.t_us, views.kind, views.x, views.y, views.code, views.state,
        views.keysym, views.flags, views.layout, np.maximum(focus, 0),
    )  # fmt: skip
    for seq, t_us, kind, x, y, code, state, keysym, flags, layout, at in zip(
        *(column.tolist() for column in lists), strict=True
    ):
        yield Event(
            session=block.session, seq=seq, t_us=t_us, kind=Kind(kind), x=x, y=y, code=code,
            state=state, keysym=keysym, flags=flags, layout=layout, app=contexts[at].app,
            title=contexts[at].title,
        )  # fmt: skip


def _thinned(gaps: tuple[records.Gap, ...]) -> int:
    """Return how many numbers a batch lacks: only these gaps were made after numbering."""
    return sum(max(gap.count, 0) for gap in gaps if gap.reason in columns.THINNED)


def _gaps(session: SessionId, stream: Stream, gaps: tuple[records.Gap, ...]) -> Iterator[Gap]:
    template = Gap(session=session, stream=stream, reason="")
    for gap in gaps:
        yield replace(
            template, reason=gap.reason, from_us=gap.from_us, to_us=gap.to_us, count=gap.count
        )
