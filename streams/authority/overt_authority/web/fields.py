"""Fields of a request: right type and bounded, or refused by name. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from overt_schemas.errors import Malformed

_NAME = re.compile(r"[A-Za-z0-9:._-]{1,128}")


def name(body: Mapping[str, Any], field: str) -> str:
    """Return a short identifier."""
    value = body.get(field)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Malformed(f"{field} is not a name", reason="field")
    return value


def text(body: Mapping[str, Any], field: str) -> str:
    """Return a text in ASCII: a token, a PEM."""
    value = body.get(field)
    if not isinstance(value, str) or not value or not value.isascii():
        raise Malformed(f"{field} is not a text", reason="field")
    return value


def number(body: Mapping[str, Any], field: str, low: int, high: int) -> int:
    """Return an integer between two bounds, both included."""
    value = body.get(field)
    if type(value) is not int or not low <= value <= high:
        raise Malformed(f"{field} is not a number from {low} to {high}", reason="field")
    return value


def query_number(query: Mapping[str, str], field: str, low: int, high: int, absent: int) -> int:
    """Return an integer of the query, or ``absent``."""
    value = query.get(field, "")
    if not value:
        return absent
    if not value.isascii() or not value.isdigit() or len(value) > 19:
        raise Malformed(f"{field} is not a number", reason="field")
    return number({field: int(value)}, field, low, high)


def data(body: Mapping[str, Any], field: str) -> bytes:
    """Return bytes that came as base64."""
    value = body.get(field)
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Malformed(f"{field} is not base64", reason="field") from exc
    raise Malformed(f"{field} is not base64", reason="field")


def names(body: Mapping[str, Any], field: str, most: int) -> tuple[str, ...]:
    """Return a list of short identifiers, not empty."""
    return tuple(name({field: value}, field) for value in _list(body, field, most))


def numbers(body: Mapping[str, Any], field: str, most: int) -> tuple[int, ...]:
    """Return a list of small integers, not empty."""
    return tuple(number({field: value}, field, 0, 255) for value in _list(body, field, most))


def objects(body: Mapping[str, Any], field: str, most: int) -> list[Mapping[str, Any]]:
    """Return a list of objects, not empty."""
    values = _list(body, field, most)
    if not all(isinstance(value, dict) for value in values):
        raise Malformed(f"{field} does not hold objects", reason="field")
    return values


def to_text(value: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(value).decode()


def _list(body: Mapping[str, Any], field: str, most: int) -> list[Any]:
    value = body.get(field)
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise Malformed(f"{field} is not a list of 1 to {most}", reason="field")
    return value
