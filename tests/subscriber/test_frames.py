from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas.columns import frame_hash
from overt_schemas.errors import Untrusted
from overt_schemas.ids import SessionId
from overt_schemas.records import Frame as Sent
from overt_schemas.records import Op
from overt_subscriber.frames import Frame, Proof, Screen
from tests.subscriber.sealing import empty_frames, keyframe

SESSION = SessionId(device=b"d", boot=b"b", activity=0)


def random_raster(seed: int, width: int = 12, height: int = 8) -> np.ndarray:
    raster = np.random.default_rng(seed).integers(0, 256, (height, width, 4)).astype(np.uint8)
    raster[..., 3] = 0xFF
    return raster


def fed(screen: Screen, *sent: Sent) -> list[Frame]:
    return list(screen.feed(SESSION, empty_frames(frames=sent)))


def delta(base: Sent, after: np.ndarray, *ops: Op) -> Sent:
    """A frame of these operations, whose result must be ``after``."""
    pixels = b"".join(
        after[op.y : op.y + op.height, op.x : op.x + op.width].tobytes()
        for op in ops
        if op.kind == 0
    )
    data = zstandard.compress(pixels) if pixels else b""
    return replace(
        base, number=base.number + 1, key=False, base=base.number, ops=ops, data=data,
        hash=frame_hash(after),
    )  # fmt: skip


def test_pixels_and_copies_are_drawn_in_order_and_proved() -> None:
    before = random_raster(1)
    after = before.copy()
    after[2:6, 0:12] = before[0:4, 0:12]  # a scroll by two rows, source and target overlap
    after[0:2] = random_raster(2)[0:2]
    key = keyframe(0, before)
    scroll = delta(
        key, after,
        Op(kind=1, x=0, y=2, width=12, height=4, sx=0, sy=0),
        Op(kind=0, x=0, y=0, width=12, height=2, sx=0, sy=0),
    )  # fmt: skip

    frames = fed(Screen(), key, scroll)

    assert [frame.proof for frame in frames] == [Proof.VERIFIED, Proof.VERIFIED]
    assert np.array_equal(frames[0].pixels(), before)
    assert np.array_equal(frames[1].pixels(), after)


def test_a_frame_without_operations_is_the_one_before() -> None:
    raster = random_raster(1)
    key = keyframe(0, raster)

    frames = fed(Screen(), key, delta(key, raster))

    assert np.array_equal(frames[1].pixels(), raster)


def test_pixels_are_the_callers_own() -> None:
    key = keyframe(0, random_raster(1))
    (frame,) = fed(Screen(), key)

    frame.pixels()[:] = 0

    assert np.array_equal(frame.pixels(), random_raster(1))


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 4))
def test_chunks_are_joined_however_they_lie_in_batches(chunks: int, per_batch: int) -> None:
    raster = random_raster(3)
    whole = keyframe(0, raster)
    size = -(-len(whole.data) // chunks)
    pieces = [
        replace(
            whole, chunk=at, chunks=chunks, ops=whole.ops if at == 0 else (),
            data=whole.data[at * size : (at + 1) * size],
        )
        for at in range(chunks)
    ]  # fmt: skip
    screen, frames = Screen(), list[Frame]()

    for at in range(0, chunks, per_batch):
        frames += fed(screen, *pieces[at : at + per_batch])

    assert [frame.proof for frame in frames] == [Proof.VERIFIED]
    assert np.array_equal(frames[0].pixels(), raster)


def carried(first: np.ndarray, second: np.ndarray) -> Sent:
    """A keyframe that carries the operations of the frame that was thinned before it."""
    whole = keyframe(3, second)
    one, other = zstandard.compress(first.tobytes()), zstandard.compress(second.tobytes())
    return replace(whole, ops=whole.ops * 2, data=one + other)


def test_zstd_frames_in_a_row_are_drawn_one_after_the_other() -> None:
    first, second = random_raster(1), random_raster(2)
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(second.tobytes())
    sent = carried(first, second)
    other = replace(sent, data=zstandard.compress(first.tobytes()) + unsized)

    frames = fed(Screen(), sent, other)

    assert [frame.proof for frame in frames] == [Proof.VERIFIED] * 2
    assert np.array_equal(frames[0].pixels(), second)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + zstandard.compress(bytes(1)),
        lambda data: data + zstandard.compress(bytes(1 << 27)),
        lambda data: data + b"junk",
        lambda data: data[:-9],
        lambda data: data[: len(data) // 2],
        lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 27)),
    ],
    ids=["a byte more", "bomb behind", "junk", "cut", "one of two", "bomb without a size"],
)
def test_frames_in_a_row_hold_what_their_operations_draw_and_no_more(
    spoil: Callable[[bytes], bytes],
) -> None:
    sent = carried(random_raster(1), random_raster(2))

    (frame,) = fed(Screen(), replace(sent, data=spoil(sent.data)))

    assert frame.proof is Proof.BROKEN


def test_after_a_hole_only_a_keyframe_stands_on_anything() -> None:
    raster = random_raster(1)
    key = keyframe(0, raster)
    screen = Screen()
    fed(screen, key)

    screen.missed()
    frames = fed(screen, delta(key, raster), keyframe(2, raster))

    assert [frame.proof for frame in frames] == [Proof.NO_BASE, Proof.VERIFIED]
    with pytest.raises(Untrusted):
        frames[0].pixels()


@pytest.mark.parametrize(
    ("changes", "proof"),
    [
        ({"hash": bytes(16)}, Proof.MISMATCH),
        ({"width": 1 << 20, "height": 1 << 20}, Proof.BROKEN),
        ({"width": -1}, Proof.BROKEN),
        ({"data": b"no zstd"}, Proof.BROKEN),
        ({"data": zstandard.compress(bytes(1 << 24))}, Proof.BROKEN),
        ({"data": zstandard.compress(bytes(8))}, Proof.BROKEN),
        ({"ops": (Op(kind=0, x=1, y=0, width=12, height=8, sx=0, sy=0),)}, Proof.BROKEN),
        ({"ops": (Op(kind=1, x=0, y=0, width=2, height=2, sx=11, sy=0),)}, Proof.BROKEN),
        ({"ops": (Op(kind=7, x=0, y=0, width=2, height=2, sx=0, sy=0),)}, Proof.BROKEN),
    ],
    ids=["hash", "huge", "negative", "no-zstd", "bomb", "short", "outside", "copy", "kind"],
)
def test_a_frame_that_does_not_hold_together_is_flagged_and_has_no_pixels(
    changes: dict[str, object], proof: Proof
) -> None:
    sent = replace(keyframe(0, random_raster(1)), **changes)  # type: ignore[arg-type]

    (frame,) = fed(Screen(), sent)

    assert frame.proof is proof
    with pytest.raises(Untrusted):
        frame.pixels()
