"""What an enrolled device can put into a genuine seal: bombs of zstd, Avro, columns and pictures.

Signature and tag are right, so only sizes, shapes and limits stand between this and a processor's
memory.
"""

import struct
import zlib
from dataclasses import replace
from functools import cache
from random import Random

import zstandard

from overt_schemas import codec
from overt_schemas.envelope import padding
from overt_schemas.ids import Stream
from overt_schemas.records import Frame, FrameBatch, Gap, InputBatch, Op
from tests.processors.hostile.cast import Cast, Hostile, good, pad, record
from tests.processors.world import START_MS, frame_batch, input_batch

MIB = 1_048_576


def _sealed(
    kind: str, cast: Cast, padded: bytes, reasons: str, stream: Stream = Stream.INPUT
) -> Hostile:
    return record(kind, cast.hostile, cast.hostile.seal_padded(padded, stream), stream, reasons)


def _plain(
    kind: str, cast: Cast, plain: bytes, reasons: str, stream: Stream = Stream.INPUT
) -> Hostile:
    return _sealed(kind, cast, padding.pack(plain), reasons, stream)


@cache
def inflating(size: int) -> bytes:
    """Return one zstd frame of zeros that says its size truly."""
    return zstandard.ZstdCompressor().compress(bytes(size))


@cache
def unsized(size: int) -> bytes:
    """Return one zstd frame that says nothing of its size."""
    pump = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return pump.compress(bytes(size)) + pump.flush()


def zstd_true(chance: Random, cast: Cast) -> Hostile:
    """It would inflate to as much as 300 MB, and says so."""
    body = inflating(chance.choice((4 * MIB + 1, 16 * MIB, 300_000_000)))
    return _sealed("zstd_true", cast, pad(body), "bomb", chance.choice(list(Stream)))


def zstd_silent(chance: Random, cast: Cast) -> Hostile:
    """It would inflate to 64 MB, and says nothing."""
    return _sealed("zstd_silent", cast, pad(unsized(chance.choice((1000, 64 * MIB)))), "bomb")


def zstd_lying(chance: Random, cast: Cast) -> Hostile:
    """It says 10 bytes, or nearly all there may be, and holds something else."""
    body = bytearray(inflating(16 * MIB))
    assert body[4] >> 6 == 2  # four bytes of content size, behind a window's one where there is one
    at = 5 if body[4] & 0x20 else 6
    body[at : at + 4] = chance.choice((10, 4 * MIB)).to_bytes(4, "little")
    return _sealed("zstd_lying", cast, pad(bytes(body)), "inflate malformed")


def zstd_windowed(chance: Random, cast: Cast) -> Hostile:
    """It asks for a window of 2 GB to unpack a little."""
    body = struct.pack("<IBB", 0xFD2FB528, 0x80, 21 << 3) + (1024).to_bytes(4, "little")
    body += bytes([1, 0, 0]) + chance.randbytes(8)
    return _sealed("zstd_windowed", cast, pad(body), "inflate")


def zstd_many(chance: Random, cast: Cast) -> Hostile:
    """Frames behind the first, where one has its place."""
    whole = zstandard.compress(codec.pack(good()))
    return _sealed("zstd_many", cast, pad(whole + inflating(4 * MIB)), "inflate")


def unpadded(chance: Random, cast: Cast) -> Hostile:
    """A length past the end, padding that is not zero, or no room for a length."""
    body = zstandard.compress(codec.pack(good()))
    broken = (
        b"", b"\1\0\0", struct.pack("<I", chance.randint(3000, 2**32 - 1)) + bytes(2044),
        pad(body)[:-1] + b"\1", bytes(2048),
    )  # fmt: skip
    return _sealed("unpadded", cast, chance.choice(broken), "padding bomb inflate")


def _long(value: int) -> bytes:
    """Return a number as Avro writes it."""
    rest, out = (value << 1) ^ (value >> 63), bytearray()
    rest &= 2**64 - 1
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


HUGE = (2**31, 2**40, 2**62, 2**63 - 1)


def avro_counts(chance: Random, cast: Cast) -> Hostile:
    """An array of so many elements, in the short form or the long one, of which few are there."""
    stream = chance.choice(list(Stream))
    whole = codec.pack(good(stream))  # its last array, the gaps, is empty: one zero byte
    count = chance.choice((*HUGE, 65_537))
    block = _long(count) if chance.random() < 0.5 else _long(-count) + _long(chance.choice(HUGE))
    element = codec.pack(frame_batch(0, gaps=(Gap(reason="", from_us=0, to_us=0, count=0),)))[-5:-1]
    tail = block + element * chance.choice((0, 100, 70_000))
    return _plain("avro_counts", cast, whole[:-1] + tail, "malformed size", stream)


def avro_many(chance: Random, cast: Cast) -> Hostile:
    """More elements than any record may have, all of them there, in 4 MB of nothing."""
    count = chance.choice((65_537, 500_000, 800_000))
    stream = chance.choice(list(Stream))
    whole = codec.pack(good(stream))[:-1]
    plain = whole + _long(count) + bytes(4 * count) + b"\0"
    return _plain("avro_many", cast, plain, "size", stream)


def avro_blocks(chance: Random, cast: Cast) -> Hostile:
    """Arrays in more blocks than there are elements to fill them: blocks within blocks of none."""
    whole = codec.pack(good(Stream.FRAME))[:-1]
    block = _long(1) + bytes(4)
    plain = whole + block * chance.choice((65_537, 300_000)) + b"\0"
    return _plain("avro_blocks", cast, plain, "size", Stream.FRAME)


def avro_lengths(chance: Random, cast: Cast) -> Hostile:
    """A string or column that is longer than all there is, or shorter than nothing."""
    plain = codec.pack(good())
    head = plain[:3]  # activity, first, final
    length = chance.choice((*HUGE, 5000, -1, -(2**40)))
    return _plain("avro_lengths", cast, head + _long(length) + plain[3:], "malformed time columns")


def avro_noise(chance: Random, cast: Cast) -> Hostile:
    """Noise, or a batch with bits changed, sealed as if it were one."""
    stream = chance.choice(list(Stream))
    if chance.random() < 0.5:
        return _plain("avro_noise", cast, chance.randbytes(chance.randint(0, 2000)),
                      "malformed size time columns raster", stream)  # fmt: skip
    plain = codec.pack(good(stream))
    cut = plain[: chance.randrange(len(plain))]
    return _plain("avro_noise", cast, cut, "malformed", stream)


def other_inside(chance: Random, cast: Cast) -> Hostile:
    """A header that names one schema over a content of another, or names what is no batch."""
    other = codec.pack(chance.choice((cast.world.policy_record, cast.world.device)))
    if chance.random() < 0.5:
        return _plain("other_inside", cast, other, "malformed size time columns")
    padded = padding.pack(codec.pack(good()))
    schema = chance.choice((0, 20, 22, 34, 2**32 - 1))
    made = cast.hostile.seal_padded(padded, schema=schema)
    return record("other_inside", cast.hostile, made, Stream.INPUT, "schema_not_allowed")


def odd_columns(chance: Random, cast: Cast) -> Hostile:
    """Columns that do not fit each other, kinds nobody knows, seqs no device can reach."""
    broken: tuple[InputBatch, ...] = (
        replace(input_batch(START_MS), x=b""),
        replace(input_batch(START_MS), dt=b"\1\2\3"),
        replace(input_batch(START_MS), kind=bytes([chance.randint(6, 255)] * 3)),
        replace(input_batch(START_MS), seq=bytes(8)),
        replace(input_batch(START_MS), first_seq=chance.choice((-1, 2**62 + 1, 2**63 - 1))),
    )
    made = cast.hostile.seal(chance.choice(broken))
    return record("odd_columns", cast.hostile, made, Stream.INPUT, "columns")


def odd_times(chance: Random, cast: Cast) -> Hostile:
    """Times that no calendar holds."""
    stream = chance.choice(list(Stream))
    at_ms = chance.choice((0, -1, -(2**40), 2**52, 1_577_836_799_999, 4_102_444_800_001))
    made = cast.hostile.seal(good(stream, at_ms), stream)
    return record("odd_times", cast.hostile, made, stream, "time")


def odd_header(chance: Random, cast: Cast) -> Hostile:
    """A header of another version or codec, of reserved bytes or a number too large: sealed so."""
    hostile = cast.hostile
    packed = bytearray(hostile.head().pack())
    at = chance.choice((0, 1, 2, 3, 75, 83, 91, 99, 107))
    packed[at] = chance.randint(0x80, 0xFF)
    iv, header = bytes(12), bytes(packed)
    if chance.random() < 0.3:
        header = chance.choice((b"", header[:-1], header + b"\0", header * 2))
    made = hostile.seal_header(padding.pack(codec.pack(good())), header, iv)
    return record("odd_header", hostile, made, Stream.INPUT, "header")


def odd_nonce(chance: Random, cast: Cast) -> Hostile:
    """A nonce of another length, which the cipher itself would take."""
    iv = bytes(chance.choice((8, 11, 13, 16, 64)))
    made = cast.hostile.seal_padded(padding.pack(codec.pack(good())), iv=iv)
    return record("odd_nonce", cast.hostile, made, Stream.INPUT, "header")


@cache
def png(width: int, height: int) -> bytes:
    """Return a picture of one colour, small on disk and large in memory."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _draw(width: int, height: int, **changes: int) -> Op:
    op = Op(kind=0, x=0, y=0, width=width, height=height, sx=0, sy=0)
    return replace(op, **changes)


def _picture(width: int, height: int, data: bytes, *ops: Op, **changes: object) -> FrameBatch:
    frame = frame_batch(START_MS, 0).frames[0]
    fields: dict[str, object] = {
        "width": width, "height": height, "data": data, "ops": ops or (_draw(width, height),),
    }  # fmt: skip
    made: Frame = replace(frame, **{**fields, **changes})  # type: ignore[arg-type]
    return replace(frame_batch(START_MS), frames=(made,))


def image_sizes(chance: Random, cast: Cast) -> Hostile:
    """Pictures of sizes that no screen has: nothing, less than nothing, or a gigapixel."""
    sizes = (
        (0, 0), (-1, 5), (2, -(2**31)), (13_000, 13_700), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1),
        (65_536, 65_536), (1, 70_000_000),
    )  # fmt: skip
    width, height = chance.choice(sizes)
    ops = (_draw(2, 2),) if chance.random() < 0.5 else (_draw(width, height),)
    made = cast.hostile.seal(_picture(width, height, inflating(16), *ops), Stream.FRAME)
    return record("image_sizes", cast.hostile, made, Stream.FRAME, "raster")


def image_data(chance: Random, cast: Cast) -> Hostile:
    """Pixels that inflate to other than what is drawn: gigabytes, nothing, or a PNG of a bomb."""
    data = (
        inflating(300_000_000), inflating(16 * MIB), unsized(64 * MIB), b"", chance.randbytes(40),
        inflating(15), png(13_000, 13_700)[: 600 * 1024],
    )  # fmt: skip
    made = cast.hostile.seal(_picture(2, 2, chance.choice(data)), Stream.FRAME)
    return record("image_data", cast.hostile, made, Stream.FRAME, "raster")


def image_ops(chance: Random, cast: Cast) -> Hostile:
    """Operations that draw outside their picture, copy from outside it, or are none of ours."""
    edge = 2**31 - 1
    ops = (
        _draw(2, 2, x=1), _draw(2, 2, y=-1), _draw(3, 1), _draw(-2, -2), _draw(0, 2),
        _draw(edge, edge, x=edge), _draw(2, 2, kind=2), _draw(2, 2, kind=-1),
        _draw(2, 2, kind=1, sx=1), _draw(2, 2, kind=1, sy=-(2**31)),
    )  # fmt: skip
    made = cast.hostile.seal(_picture(2, 2, inflating(16), chance.choice(ops)), Stream.FRAME)
    return record("image_ops", cast.hostile, made, Stream.FRAME, "raster")


def image_work(chance: Random, cast: Cast) -> Hostile:
    """A whole 8K screen drawn a thousand times in one frame."""
    ops = (_draw(7680, 4320, kind=chance.choice((0, 1))),) * 1000
    made = cast.hostile.seal(_picture(7680, 4320, inflating(16), *ops), Stream.FRAME)
    return record("image_work", cast.hostile, made, Stream.FRAME, "raster")


def image_chunks(chance: Random, cast: Cast) -> Hostile:
    """A chunk of a picture that has no such chunk."""
    chunk, chunks = chance.choice(((-1, 1), (1, 1), (0, 0), (5, 3), (0, -1), (0, 2**31 - 1)))
    batch = _picture(2, 2, inflating(16), chunk=chunk, chunks=chunks)
    made = cast.hostile.seal(batch, Stream.FRAME)
    return record("image_chunks", cast.hostile, made, Stream.FRAME, "raster")
