"""What a subscription yields.

Content lives in the memory of the reader only: nothing here writes itself anywhere, and ``repr`` of
the values that hold content shows none of it.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from overt_schemas.columns import Columns, Kind
from overt_schemas.ids import SessionId, Stream
from overt_schemas.records import Context
from overt_subscriber.frames import Frame
from overt_subscriber.sessions import Session

__all__ = ["Event", "Frame", "Gap", "InputBlock", "Item", "Rejected", "Session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One input event.

    Attributes:
        seq: number among the admitted events of the boot; rises by one but for labelled gaps.
        t_us: Unix microseconds when it happened.
        code: button, keycode or direction of a scroll (4 up, 5 down, 6 left, 7 right).
        state: X modifier and group mask.
        flags: ``overt_schemas.columns.Flag``.
        app: the application that had the focus; ``title`` is empty unless the policy keeps titles.
    """

    session: SessionId
    seq: int
    t_us: int
    kind: Kind
    x: int = field(repr=False)
    y: int = field(repr=False)
    code: int = field(repr=False)
    state: int = field(repr=False)
    keysym: int = field(repr=False)
    flags: int
    layout: int = field(repr=False)
    app: str = field(repr=False)
    title: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBlock:
    """One batch of input as numpy columns: what training code wants (55 M events/s).

    The arrays are read-only views on one buffer that lives as long as any of them.
    ``contexts`` begins with the application that had the focus when the block began, if known.
    """

    session: SessionId
    batch: int
    seq: npt.NDArray[np.int64] = field(repr=False)
    t_us: npt.NDArray[np.int64] = field(repr=False)
    columns: Columns = field(repr=False)
    contexts: tuple[Context, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A labelled hole, or one without a label (``unexplained``).

    Attributes:
        count: input events or frames that are missing; 0 where nobody can know.
        batches: whole batches that are missing; 0 for a gap inside a batch.
        from_us, to_us: Unix microseconds, 0 where unknown.
    """

    session: SessionId | None
    stream: Stream
    reason: str
    from_us: int = 0
    to_us: int = 0
    count: int = 0
    batches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A stored record that was not taken, by reason: forged, broken, or its key was refused."""

    stage: str
    reason: str


Item = Event | Frame | Gap | Rejected | Session
