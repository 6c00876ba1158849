"""A grant's feed: the topic, and where each of its records came from.

A record of ``overt.feed.<grant>.v1`` is a record of overt.part.v1, value untouched, under the key
of its session and with one header that says what a stored object would say beside it. So a reader
makes the same ``StoredPart`` of both, and the set of batches does the rest.
"""

import struct

from overt_schemas.errors import Malformed
from overt_schemas.ids import SessionId

PREFIX, SUFFIX = "overt.feed.", ".v1"
RETENTION_MS = 24 * 3_600_000
PARTITIONS = 1  # a grant's reader is one process; what it reads is in the order the feed app read
ORIGIN = "overt-origin"
_ORIGIN = struct.Struct(">iqq")
_NAME_LIMIT = 64


def topic_of(grant: str) -> str:
    """Return the topic of a grant's feed."""
    if (
        not 0 < len(grant) <= _NAME_LIMIT
        or not grant.isascii()
        or not grant.replace("-", "").isalnum()
    ):
        raise Malformed("a grant's id is letters, digits and dashes", reason="grant")
    return f"{PREFIX}{grant}{SUFFIX}"


def grant_of(topic: str) -> str | None:
    """Return the grant whose feed ``topic`` is, or None for another topic."""
    grant = topic.removeprefix(PREFIX).removesuffix(SUFFIX)
    return grant if topic == f"{PREFIX}{grant}{SUFFIX}" and grant else None


def key_of(session: SessionId) -> bytes:
    """Return the key of a session's records: device, boot, activity as 4 bytes big-endian."""
    return session.device + session.boot + session.activity.to_bytes(4, "big", signed=True)


def pack_origin(topic_id: str, partition: int, offset: int, append_ms: int) -> bytes:
    """Return the header ``ORIGIN``: where a record stands on overt.part.v1, and since when."""
    return _ORIGIN.pack(partition, offset, append_ms) + topic_id.encode()


def unpack_origin(value: bytes) -> tuple[str, int, int, int]:
    """Return topic id, partition, offset and append time (ms).

    Raises:
        Malformed: another length, or a topic id that is no text.
    """
    if not _ORIGIN.size < len(value) <= _ORIGIN.size + _NAME_LIMIT:
        raise Malformed("origin of another length", reason="origin")
    try:
        topic_id = value[_ORIGIN.size :].decode("ascii")
    except UnicodeDecodeError as exc:
        raise Malformed("topic id is no text", reason="origin") from exc
    partition, offset, append_ms = _ORIGIN.unpack_from(value)
    return topic_id, partition, offset, append_ms
