"""The few bytes of Avro's object container that a sink writes and reads itself. Pure.

Layout (Avro 1.12, "Object Container Files"): ``Obj`` 0x01, a map of metadata (string to bytes), a
16-byte sync marker; then blocks: number of records, size in bytes, the records, the sync marker.
Numbers are zig-zag varints. A library would write the same bytes and not say where each stands.
"""

from collections.abc import Mapping

from overt_schemas.errors import Malformed

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
_LONGEST = 10  # bytes of a 64-bit varint


def long(value: int) -> bytes:
    """Return a number as Avro writes a long."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def text(data: bytes) -> bytes:
    """Return bytes, or a string's UTF-8, as Avro writes them: behind their length."""
    return long(len(data)) + data


def header(metadata: Mapping[str, bytes], sync: bytes) -> bytes:
    """Return the header of a container: everything before its first block."""
    entries = b"".join(
        long(len(name)) + name.encode() + long(len(value)) + value
        for name, value in metadata.items()
    )
    return b"".join((MAGIC, long(len(metadata)), entries, long(0), sync))


class Cursor:
    """Reads a container from its beginning; every length is checked against what is there."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def long(self) -> int:
        """Return the number that stands here."""
        value = shift = 0
        for _ in range(_LONGEST):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
        raise Malformed("number in a container is too long", reason="container")

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise Malformed("container ends too early", reason="container")
        piece, self.at = self.data[self.at : end], end
        return piece

    def skip(self, size: int) -> None:
        """Move ``size`` bytes on."""
        if size < 0 or self.at + size > len(self.data):
            raise Malformed("container ends too early", reason="container")
        self.at += size

    def header(self) -> tuple[dict[str, bytes], bytes]:
        """Return metadata and sync marker."""
        if self.take(len(MAGIC)) != MAGIC:
            raise Malformed("not an Avro object container", reason="container")
        metadata: dict[str, bytes] = {}
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            for _ in range(count):
                name = self.take(self.long()).decode("utf-8", "replace")
                metadata[name] = self.take(self.long())
        return metadata, self.take(SYNC_BYTES)
