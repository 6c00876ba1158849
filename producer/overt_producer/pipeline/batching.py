"""Events and frames of one second to records that fit. Pure.

A second is one batch; one that does not fit 64 KB of input or 900 KB of frames is several, numbered
on, ``first`` on the first and ``final`` on the last of them. A picture too large for one batch goes
as numbered chunks, each a batch of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from overt_producer.frames.encode import Shot
from overt_producer.pipeline.admit import Admitted
from overt_producer.pipeline.values import Missing
from overt_producer.sources.events import DisplayEpoch
from overt_schemas.columns import ACTIONS, Columns, Flag, Kind
from overt_schemas.records import Context, Frame, FrameBatch, Gap, InputBatch, Monitor, Op

# 19 bytes of columns an event: 39 KB, which leaves 25 KB for contexts and gaps.
EVENTS_LIMIT = 2048
CONTEXTS_LIMIT = 16  # of at most 512 characters of title each
FRAME_BYTES_LIMIT = 880_000  # 900 KB less monitors, hashes and numbers of the frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the batches of one second share."""

    activity: int
    is_first: bool
    is_final: bool
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What an input batch says of the ones before it."""

    next_seq: int
    prev_seq: int
    prev_event_us: int
    frame_actions: int


def input_batches(
    start_us: int, bounds: Bounds, carried: Carried, events: Sequence[Admitted],
    contexts: Sequence[Context], missing: Sequence[Missing],
) -> list[InputBatch]:  # fmt: skip
    """Return the input batches of one second, at least one; ``events`` in order of time."""
    shares = [events[i : i + EVENTS_LIMIT] for i in range(0, len(events), EVENTS_LIMIT)] or [()]
    out: list[InputBatch] = []
    seq, prev_seq, prev_us = carried.next_seq, carried.prev_seq, carried.prev_event_us
    for index, share in enumerate(shares):
        is_last = index == len(shares) - 1
        out.append(
            InputBatch(
                activity=bounds.activity, first=bounds.is_first and index == 0,
                final=bounds.is_final and is_last, ended=bounds.ended if is_last else "",
                start_us=start_us, first_seq=seq, prev_seq=prev_seq, prev_event_us=prev_us,
                frame_actions=carried.frame_actions, seq=b"", **_columns(share, start_us),
                contexts=tuple(contexts[-CONTEXTS_LIMIT:]) if index == 0 else (),
                gaps=gaps(missing) if is_last else (),
            )
        )  # fmt: skip
        if share:
            seq, prev_us = seq + len(share), share[-1].held.t_us
            prev_seq = seq - 1
    return out


def _columns(events: Sequence[Admitted], start_us: int) -> dict[str, bytes]:
    raw = [e.held.event for e in events]
    table = np.array(
        [
            (
                a.held.t_us - start_us, e.kind, e.x, e.y, e.code, e.state, e.keysym,
                Flag.REPEAT * e.is_repeat | Flag.INJECTED * e.is_injected, e.layout & 0xFF,
            )
            for a, e in zip(events, raw, strict=True)
        ],
        dtype=np.int64,
    ).reshape(len(raw), 9)  # fmt: skip
    names = ("dt", "kind", "x", "y", "code", "state", "keysym", "flags", "layout")
    return Columns(**{name: table[:, i] for i, name in enumerate(names)}).to_bytes()


def is_action(event: Admitted) -> bool:
    """Return whether the running count of actions counts an event."""
    return Kind(event.held.event.kind) in ACTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A shot with its place: frame number, and what input had done when it was taken."""

    number: int
    last_seq: int
    actions: int
    shot: Shot


def frame_batches(
    bounds: Bounds, prev_frame: int, frames: Sequence[Numbered], missing: Sequence[Missing]
) -> list[FrameBatch]:
    """Return the frame batches of one second, at least one."""
    groups: list[list[Frame]] = [[]]
    size = 0
    for numbered in frames:
        for piece in _pieces(numbered):
            if groups[-1] and size + len(piece.data) > FRAME_BYTES_LIMIT:
                groups.append([])
                size = 0
            groups[-1].append(piece)
            size += len(piece.data)
    out: list[FrameBatch] = []
    for index, group in enumerate(groups):
        is_last = index == len(groups) - 1
        out.append(
            FrameBatch(
                activity=bounds.activity, first=bounds.is_first and index == 0,
                final=bounds.is_final and is_last, ended=bounds.ended if is_last else "",
                prev_frame=prev_frame, frames=tuple(group), gaps=gaps(missing) if is_last else (),
            )
        )  # fmt: skip
        prev_frame = group[-1].number if group else prev_frame
    return out


def _pieces(numbered: Numbered) -> list[Frame]:
    picture, shot = numbered.shot.picture, numbered.shot
    epoch, data = picture.epoch, picture.data
    shares = [data[i : i + FRAME_BYTES_LIMIT] for i in range(0, len(data), FRAME_BYTES_LIMIT)]
    whole = Op(kind=0, x=0, y=0, width=epoch.width, height=epoch.height, sx=0, sy=0)
    return [
        Frame(
            number=numbered.number, t_us=shot.t_us, until_us=shot.until_us,
            last_seq=numbered.last_seq, actions=numbered.actions, epoch=epoch.number,
            width=epoch.width, height=epoch.height, monitors=_monitors(epoch), key=True, base=-1,
            chunk=chunk, chunks=len(shares), ops=(whole,) if chunk == 0 else (), data=share,
            hash=picture.hash,
        )
        for chunk, share in enumerate(shares)
    ]  # fmt: skip


def _monitors(epoch: DisplayEpoch) -> tuple[Monitor, ...]:
    return tuple(
        Monitor(x=m.rect.x, y=m.rect.y, width=m.rect.width, height=m.rect.height, scale=m.scale)
        for m in epoch.monitors
    )


def gaps(missing: Sequence[Missing]) -> tuple[Gap, ...]:
    """Return one gap a reason, in order of time."""
    merged: dict[str, Missing] = {}
    for hole in missing:
        known = merged.get(hole.reason)
        merged[hole.reason] = hole if known is None else Missing(
            reason=hole.reason, from_us=min(known.from_us, hole.from_us),
            to_us=max(known.to_us, hole.to_us), count=known.count + hole.count,
        )  # fmt: skip
    ordered = sorted(merged.values(), key=lambda m: (m.from_us, m.reason))
    return tuple(
        Gap(reason=m.reason, from_us=m.from_us, to_us=m.to_us, count=m.count) for m in ordered
    )
