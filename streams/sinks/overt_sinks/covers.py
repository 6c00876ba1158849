"""What an object says of itself in its metadata: whose records, and which range. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from overt_schemas.errors import Malformed
from overt_sinks.naming import Partition


@dataclass(frozen=True, slots=True)
class Covers:
    """A range of offsets, both ends in it, and which of them were set aside."""

    partition: Partition
    first: int
    last: int
    aside: tuple[int, ...]


def covered(metadata: Mapping[str, bytes]) -> Covers:
    """Return what an object covers.

    Raises:
        Malformed: its metadata do not say so.
    """
    aside = _text(metadata, "set_aside")
    partition = Partition(
        topic=_text(metadata, "topic"),
        topic_id=_text(metadata, "topic_id"),
        number=number(metadata, "partition"),
    )
    first, last = number(metadata, "first_offset"), number(metadata, "last_offset")
    if not 0 <= first <= last:
        raise Malformed("object covers no range of offsets", reason="container")
    offsets = tuple(_decimal(text) for text in aside.split(",")) if aside else ()
    return Covers(partition, first, last, offsets)


def number(metadata: Mapping[str, bytes], name: str) -> int:
    """Return a number of the metadata.

    Raises:
        Malformed: there is none of that name.
    """
    return _decimal(_text(metadata, name))


def _text(metadata: Mapping[str, bytes], name: str) -> str:
    try:
        return metadata[f"overt.{name}"].decode("ascii")
    except (KeyError, UnicodeDecodeError) as exc:
        raise Malformed(f"object lacks overt.{name}", reason="container") from exc


def _decimal(text: str) -> int:
    if not text.isdigit() or len(text) > 19:
        raise Malformed("number in an object's metadata is none", reason="container")
    return int(text)
