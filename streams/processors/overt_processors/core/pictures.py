"""Frames that no reader should be given: impossible sizes, drawing outside, bombs of pixels. Pure.

No raster is made here. What a reader would have to allocate and inflate is read off the operations
and off the first bytes of the data, which say what they hold; a reader still checks for itself,
since the device that sealed a frame may lie in what only drawing shows.
"""

import zstandard

from overt_schemas.errors import Malformed
from overt_schemas.records import Frame, FrameBatch, Op

# As the reader's (overt_subscriber.frames): an 8K screen has 33 M pixels.
PIXELS_LIMIT = 64 * 1_048_576
# A screen of that many pixels, uncompressed, in chunks of a batch each.
CHUNKS_LIMIT = 4 * PIXELS_LIMIT // 900_000 + 1
_DRAW, _COPY = 0, 1


def check(batch: FrameBatch) -> None:
    """Return nothing when every frame can be drawn within a reader's limits.

    Raises:
        Malformed: one cannot (``raster``).
    """
    for frame in batch.frames:
        if not 0 <= frame.chunk < frame.chunks <= CHUNKS_LIMIT:
            raise Malformed("a chunk that its frame does not have", reason="raster")
        if not 0 < frame.width * frame.height <= PIXELS_LIMIT or frame.width < 0:
            raise Malformed("a frame of an impossible size", reason="raster")
        if not all(_is_inside(op, frame.width, frame.height) for op in frame.ops):
            raise Malformed("an operation outside its frame", reason="raster")
        drawn, copied = _areas(frame.ops)
        if drawn + copied > PIXELS_LIMIT:
            raise Malformed("a frame that draws more than a screen", reason="raster")
        if drawn and frame.chunk == 0 and _says(frame) != 4 * drawn:
            raise Malformed("pixels that are too many or too few", reason="raster")


def _areas(ops: tuple[Op, ...]) -> tuple[int, int]:
    drawn = copied = 0
    for op in ops:
        if op.kind == _DRAW:
            drawn += op.width * op.height
        else:
            copied += op.width * op.height
    return drawn, copied


def _says(frame: Frame) -> int:
    """Return how many bytes the first zstd frame of the data says it holds; -1 if it does not."""
    try:
        return zstandard.frame_content_size(frame.data)
    except zstandard.ZstdError as exc:
        raise Malformed("pixels are not a zstd frame", reason="raster") from exc


def _is_inside(op: Op, width: int, height: int) -> bool:
    if op.width <= 0 or op.height <= 0:
        return False
    if op.kind == _COPY:
        fits = 0 <= op.sx <= width - op.width and 0 <= op.sy <= height - op.height
    else:
        fits = op.kind == _DRAW
    return fits and 0 <= op.x <= width - op.width and 0 <= op.y <= height - op.height
