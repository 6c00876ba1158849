"""The hash that a container holds of itself, ``overt.sha256``. Pure.

It is the last entry of the metadata and covers the whole object, its own 64 digits as zeros.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from overt_schemas.errors import Malformed
from overt_sinks import avro

NAME = "overt.sha256"
_NO_HASH = b"0" * 64
Piece = bytes | memoryview


def header_size(metadata: Mapping[str, bytes], sync: bytes) -> int:
    """Return how long the header will be, whatever its body."""
    return len(avro.header({**metadata, NAME: _NO_HASH}, sync))


def header(metadata: Mapping[str, bytes], sync: bytes, body: Iterable[Piece]) -> bytes:
    """Return the header of a container of ``body``, the hash behind the given metadata."""
    blank = avro.header({**metadata, NAME: _NO_HASH}, sync)
    digest = hashlib.sha256(blank)
    for piece in body:
        digest.update(piece)
    at = _place(len(blank))
    return blank[:at] + digest.hexdigest().encode() + blank[at + len(_NO_HASH) :]


def joined(header: bytes, body: Sequence[Piece]) -> bytes:
    """Return the object."""
    return b"".join((header, *body))


def renewed(data: bytearray, header_size: int) -> None:
    """Put the right hash into an object that was changed."""
    at = _place(header_size)
    data[at : at + len(_NO_HASH)] = _of(data, at)


def check(data: bytes, header_size: int) -> None:
    """Hold an object against its own hash.

    Raises:
        Malformed: it does not match.
    """
    at = max(_place(header_size), 0)
    if _of(data, at) != data[at : at + len(_NO_HASH)]:
        raise Malformed("object does not match its own hash", reason="object_hash")


def _of(data: bytes | bytearray, at: int) -> bytes:
    view = memoryview(data)
    digest = hashlib.sha256(view[:at])
    digest.update(_NO_HASH)
    digest.update(view[at + len(_NO_HASH) :])
    return digest.hexdigest().encode()


def _place(header_size: int) -> int:
    """Return where the digits stand: before the end of the map and the sync marker."""
    return header_size - avro.SYNC_BYTES - 1 - len(_NO_HASH)
