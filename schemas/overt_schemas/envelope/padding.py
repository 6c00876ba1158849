"""Compression and padding of what is sealed.

Layout of a padded plaintext: length of the compressed bytes (4 bytes little-endian), the bytes
(one zstd frame with content size), zeros up to a Padmé size (Nikitin et al., "Reducing Metadata
Leakage from Encrypted Files", 2019: at most 12 % more, O(log log n) bits of the length leak), never
under 2 KiB, which covers 256 input events: size and cadence tell nothing about what was typed.
"""

import struct
import threading

import zstandard

from overt_schemas.errors import Malformed

FLOOR = 2048
INFLATED_LIMIT = 4 * 1_048_576  # a batch holds at most 64 KB of input or 900 KB of frames
_LENGTH = struct.Struct("<I")
_LEVEL = 3
_local = threading.local()  # zstd contexts are dear to make (20 us a batch) and not thread-safe


def padme(size: int, floor: int = FLOOR) -> int:
    """Return the size that ``size`` bytes are padded to."""
    if size <= floor:
        return floor
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def pack(plain: bytes) -> bytes:
    """Return ``plain`` compressed and padded."""
    body = _compressor().compress(plain)
    size = _LENGTH.size + len(body)
    return b"".join((_LENGTH.pack(len(body)), body, bytes(padme(size) - size)))


def unpack(padded: bytes) -> bytes:
    """Return what ``pack`` was given.

    Raises:
        Malformed: broken, or it would inflate past ``INFLATED_LIMIT`` (``bomb``).
    """
    if len(padded) < _LENGTH.size:
        raise Malformed("padded plaintext is too short", reason="padding")
    (size,) = _LENGTH.unpack_from(padded)
    end = _LENGTH.size + size
    if end > len(padded) or padded[end:] != bytes(len(padded) - end):
        raise Malformed("padding is not what the length says", reason="padding")
    body = padded[_LENGTH.size : end]
    try:
        claimed = zstandard.frame_content_size(body)
        if not 0 <= claimed <= INFLATED_LIMIT:
            raise Malformed("would inflate past the limit", reason="bomb")
        plain: bytes = _decompressor().decompress(body, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise Malformed("not one zstd frame", reason="inflate") from exc
    return plain


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
    return _local.compressor  # type: ignore[no-any-return]


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor(max_window_size=2 * INFLATED_LIMIT)
    return _local.decompressor  # type: ignore[no-any-return]
