"""The header of a part in its usual form, read by its bytes alone. Pure.

A part header has one form (deterministic CBOR, closed fields), so that what matches here is exactly
what ``load`` would give, at a tenth of its price; what does not match takes the general way. A test
holds the two equal.
"""

import re
from typing import NamedTuple

_HASH = rb"\x58\x20[\s\S]{32}"
# An unsigned number of less than 64 bits in the shortest of its forms.
_NUMBER = (
    rb"(?:[\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)[\s\S]{2}"
    rb"|\x1a(?!\x00\x00)[\s\S]{4}|\x1b(?!\x00{4})[\x00-\x7f][\s\S]{7})"
)
_FLAG = rb"[\xf4\xf5]"
_HEADER = re.compile(
    rb"\xab\x63raw" + _HASH
    + rb"\x65batch(?P<batch>" + _NUMBER + rb")"
    + rb"\x65final" + _FLAG
    + rb"\x65first" + _FLAG
    + rb"\x65flags\x80"
    + rb"\x66offset" + _NUMBER
    + rb"\x66schema" + _NUMBER
    + rb"\x67segment\x58\x20(?P<segment>[\s\S]{32})"
    + rb"\x67version\x01"
    + rb"\x68previous" + _HASH
    + rb"\x69partition" + _NUMBER
)  # fmt: skip
_SMALL = 0x18


class PartNumbers(NamedTuple):
    """What an index row needs of a part header."""

    segment: bytes
    batch: int


def part_numbers(header: bytes) -> PartNumbers | None:
    """Return segment and batch of a part header, or None if it is not of the usual form."""
    found = _HEADER.fullmatch(header)
    if found is None:
        return None
    batch = found["batch"]
    number = batch[0] if batch[0] < _SMALL else int.from_bytes(batch[1:])
    return PartNumbers(found["segment"], number)
