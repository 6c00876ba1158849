"""Sizes tell nothing, and hostile plaintexts cost nothing."""

import resource
import struct
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas import codec, testing
from overt_schemas.envelope import padding
from overt_schemas.errors import Malformed

# (size, padded): Nikitin et al., algorithm 1, worked by hand, without a floor
TABLE = [
    (8, 8), (9, 10), (10, 10), (11, 12), (100, 104), (127, 128), (128, 128), (129, 144),
    (1000, 1024), (1025, 1088), (2049, 2176), (4097, 4352), (65_537, 67_584), (900_000, 901_120),
    (1_048_577, 1_081_344),
]  # fmt: skip


@pytest.mark.parametrize(("size", "padded"), TABLE)
def test_padme_of_the_paper(size: int, padded: int) -> None:
    assert padding.padme(size, floor=0) == padded


@given(st.integers(8, 2**40))
def test_padme_adds_at_most_12_percent_and_rounds_once(size: int) -> None:
    padded = padding.padme(size, floor=0)

    assert size <= padded <= size * 1.12
    assert padding.padme(padded, floor=0) == padded


@given(st.integers(0, padding.FLOOR))
def test_small_sizes_all_look_alike(size: int) -> None:
    assert padding.padme(size) == padding.FLOOR == 2048


def test_256_events_and_none_have_one_size() -> None:
    quiet = testing.empty_input()
    columns: dict[str, int] = {
        "dt": 4,
        "kind": 1,
        "x": 2,
        "y": 2,
        "code": 2,
        "state": 2,
        "keysym": 4,
    }
    # the worst case for zstd: bytes that do not repeat
    values: dict[str, Any] = {
        name: bytes(i * 7919 % 251 for i in range(width * 256)) for name, width in columns.items()
    }
    busy = testing.empty_input(**values, flags=bytes(256), layout=bytes(256))

    assert len(padding.pack(codec.pack(quiet))) == len(padding.pack(codec.pack(busy))) == 2048


@given(st.binary(max_size=5000))
def test_what_is_packed_comes_back_at_a_padme_size(plain: bytes) -> None:
    padded = padding.pack(plain)

    assert padding.unpack(padded) == plain
    assert len(padded) == padding.padme(len(padded))


def _padded(body: bytes, length: int | None = None, tail: bytes = b"") -> bytes:
    return struct.pack("<I", len(body) if length is None else length) + body + tail


FRAME = zstandard.ZstdCompressor().compress(b"plain")
NO_SIZE = zstandard.ZstdCompressor(write_content_size=False).compress(b"plain")
LARGE = zstandard.ZstdCompressor().compress(bytes(padding.INFLATED_LIMIT + 1))


def _lying(claim: int) -> bytes:
    """A frame of 300 bytes whose header claims another size (single segment, 2-byte size field)."""
    frame = bytearray(zstandard.ZstdCompressor().compress(bytes(range(150)) * 2))
    at = 5  # magic 4, descriptor 1
    assert int.from_bytes(frame[at : at + 2], "little") + 256 == 300
    frame[at : at + 2] = (claim - 256).to_bytes(2, "little")
    return bytes(frame)


BROKEN = {
    "nothing": (b"", "padding"),
    "too short": (b"\0\0\0", "padding"),
    "length past the end": (_padded(FRAME, len(FRAME) + 1), "padding"),
    "length of 4 GiB": (_padded(FRAME, 2**32 - 1), "padding"),
    "padding not zero": (_padded(FRAME, tail=bytes(9) + b"\1"), "padding"),
    "first padding byte not zero": (_padded(FRAME, tail=b"\1" + bytes(9)), "padding"),
    "length cuts the frame": (_padded(FRAME, len(FRAME) - 1), "padding"),
    "frame cut, then zeros": (_padded(FRAME[:-1], tail=bytes(3)), "inflate"),
    "not zstd": (_padded(b"not a zstd frame"), "inflate"),
    "empty body": (_padded(b""), "inflate"),
    "no content size": (_padded(NO_SIZE), "bomb"),
    "bomb": (_padded(LARGE), "bomb"),
    "two frames": (_padded(FRAME + FRAME), "inflate"),
    "more behind the frame": (_padded(FRAME + b"x"), "inflate"),
    "claims less than it holds": (_padded(_lying(260)), "inflate"),
    "claims more than it holds": (_padded(_lying(4000)), "inflate"),
}


@pytest.mark.parametrize(("padded", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plaintext_is_malformed(padded: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        padding.unpack(padded)

    assert caught.value.reason == reason


def test_as_much_as_the_limit_inflates() -> None:
    assert len(padding.unpack(padding.pack(bytes(padding.INFLATED_LIMIT)))) == 4_194_304


def test_a_bomb_takes_no_memory() -> None:
    bomb = _padded(zstandard.ZstdCompressor().compress(bytes(2**28)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(Malformed):
        padding.unpack(bomb)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024  # KiB


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    for padded in (data, _padded(data), _padded(FRAME[:5] + data)):
        try:
            padding.unpack(padded)
        except Malformed:
            continue
