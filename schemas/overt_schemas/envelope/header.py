"""The clear header: a closed list in 108 bytes, which are themselves the additional data.

Little-endian: version u8, stream u8, codec u8, 0 u8, device 16, boot 16, hash of the previous batch
32, batch u64, segment u64, period u64, beacon u64, schema u32, 0 u32. Counts, activity, seq, titles
and exact sizes are not here and never will be: a new field is a new version and a privacy review.
"""

import hashlib
import struct
from dataclasses import dataclass

from overt_schemas.errors import Malformed
from overt_schemas.ids import BatchId, Stream

VERSION = 1
CODEC_ZSTD_PADME = 0
FIRST = bytes(32)  # the previous hash of batch 0
_LAYOUT = struct.Struct("<BBBx16s16s32sQQQQI4x")
BYTES = _LAYOUT.size
_LARGEST = 2**63 - 1
_STREAMS = {int(stream): stream for stream in Stream}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearHeader:
    """What anybody who reads the topic may know of a batch."""

    stream: Stream
    device: bytes
    boot: bytes
    previous: bytes
    batch: int
    segment: int
    period: int
    beacon: int
    schema: int
    codec: int = CODEC_ZSTD_PADME

    @property
    def id(self) -> BatchId:
        """The identity of the content."""
        return BatchId(device=self.device, boot=self.boot, stream=self.stream, batch=self.batch)

    def pack(self) -> bytes:
        """Return the 108 bytes."""
        return _LAYOUT.pack(
            VERSION, self.stream, self.codec, self.device, self.boot, self.previous,
            self.batch, self.segment, self.period, self.beacon, self.schema,
        )  # fmt: skip


def unpack(data: bytes) -> ClearHeader:
    """Return the header in exactly 108 bytes.

    Raises:
        Malformed: another length, version, codec or stream, padding that is not zero, or a number
            that a signed 64-bit column (Avro, SQL) could not carry on.
    """
    if len(data) != BYTES:
        raise Malformed("clear header has the wrong length", reason="header")
    version, stream, codec, device, boot, previous, *numbers = _LAYOUT.unpack(data)
    if version != VERSION or codec != CODEC_ZSTD_PADME or data[3] or data[-4:] != bytes(4):
        raise Malformed("clear header of an unknown version", reason="header")
    if stream not in _STREAMS:
        raise Malformed("clear header of an unknown stream", reason="header")
    if max(numbers) > _LARGEST:
        raise Malformed("clear header with a number out of range", reason="header")
    batch, segment, period, beacon, schema = numbers
    return ClearHeader(
        stream=_STREAMS[stream], device=device, boot=boot, previous=previous, batch=batch,
        segment=segment, period=period, beacon=beacon, schema=schema, codec=codec,
    )  # fmt: skip


def content_hash(iv: bytes, ciphertext: bytes) -> bytes:
    """Return SHA-256 of what is sealed; it outlives a content that was dropped."""
    return hashlib.sha256(iv + ciphertext).digest()


def batch_hash(header: bytes, content: bytes) -> bytes:
    """Return the hash that chains batches: SHA-256 of clear header and content hash."""
    return hashlib.sha256(header + content).digest()
