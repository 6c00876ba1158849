"""Records to bytes and back.

*Framed* (Confluent's layout, what topics carry): ``0x00``, schema id as 4 bytes big-endian, Avro.
*Packed* (inside seals, headers and ``Signed``): Avro alone, where the id stands elsewhere. Avro
written by a fixed schema is deterministic here: no maps, no unions, so equal records are equal
bytes. Nothing is decoded past ``MAX_BYTES`` or ``MAX_ITEMS``; a decode that leaves bytes over is
refused.
"""

import io
import struct
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import fastavro

from overt_schemas import records
from overt_schemas.catalogue import Schema, schema, schema_by_id
from overt_schemas.errors import Malformed

R = TypeVar("R")
MAX_BYTES = 8 * 1_048_576  # max.decompressed.message.bytes of every topic
# Elements of all arrays of one record: two bytes of Avro can make an element of 250 bytes of
# memory; 8 MiB of zeros would cost a reader 1 GiB and 7 s.
MAX_ITEMS = 65_536
_FRAME = struct.Struct(">BI")
FRAME_BYTES = _FRAME.size


def pack(record: Any) -> bytes:
    """Return the record's Avro bytes, without frame."""
    own = schema(type(record).__name__)
    flat = _flat(own.id)
    if flat is not None:
        return flat.pack(record)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, own.parsed, _to_dict(own.id)(record))
    return out.getvalue()


def unpack(kind: type[R], data: bytes) -> R:
    """Return the record of class ``kind`` that ``data`` packs, by the newest schema of that class.

    Raises:
        Malformed: the bytes are too many, too few, or not of that schema.
    """
    return unpack_by(schema(kind.__name__), data)  # type: ignore[no-any-return]


def unpack_by(own: Schema, data: bytes) -> Any:
    """Return the record that ``data`` packs by this version of its schema.

    Fields that the version does not have yet take the class's defaults. Raises as ``unpack``.
    """
    if len(data) > MAX_BYTES:
        raise Malformed(f"{own.name} of {len(data)} bytes is over the limit", reason="size")
    flat = _flat(own.id)
    if flat is not None:
        return flat.unpack(data)
    source = io.BytesIO(data)
    if len(data) > MAX_ITEMS:  # each element is at least a byte, so fewer bytes cannot hold more
        _skim(_shape(own.id), data, 0, MAX_ITEMS)
    try:
        value = fastavro.schemaless_reader(source, own.parsed, None)
    except (EOFError, ValueError, IndexError, OverflowError, MemoryError, TypeError) as exc:
        raise Malformed(f"bytes are not a {own.name}") from exc
    if source.tell() != len(data):
        raise Malformed(f"bytes left over behind a {own.name}")
    return _from_dict(own.id)(value)


def unpack_at(kind: type[R], data: memoryview, at: int) -> tuple[R, int]:
    """Return the record of class ``kind`` that begins at ``at``, and where it ends.

    Raises:
        Malformed: there is none, or it is over a limit; then nothing of it was made.
    """
    end, _ = _skim(_shape(schema(kind.__name__).id), data, at, MAX_ITEMS)
    return unpack(kind, bytes(data[at:end])), end


def encode(record: Any) -> bytes:
    """Return the framed bytes of a record."""
    return _FRAME.pack(0, schema(type(record).__name__).id) + pack(record)


def schema_of(data: bytes) -> Schema:
    """Return which schema framed bytes claim, without decoding them."""
    if len(data) < FRAME_BYTES:
        raise Malformed("shorter than a frame")
    magic, number = _FRAME.unpack_from(data)
    if magic != 0:
        raise Malformed("frame does not begin with 0x00")
    return schema_by_id(number)


def decode(data: bytes, *allowed: type[R]) -> R:
    """Return the record in framed bytes, if its class is one of ``allowed``.

    Raises:
        Malformed: not framed, an unknown or not allowed schema, or broken Avro.
    """
    own = schema_of(data)
    if own.record not in allowed:
        raise Malformed(f"schema {own.name} has no place here", reason="schema_not_allowed")
    return unpack_by(own, data[FRAME_BYTES:])  # type: ignore[no-any-return]


class _Flat:
    """Records of bytes and strings alone, as all that carries a seal is: Avro without fastavro.

    Such a record is its fields one behind the other, each with its length before it. Same bytes,
    same refusals, in a third of the time; every batch and every part passes here.
    """

    def __init__(self, own: Schema) -> None:
        self._name, self._record = own.name, own.record
        self._fields = [(f["name"], f["type"] == "string") for f in own.json["fields"]]

    def pack(self, record: Any) -> bytes:
        """Return the record's Avro bytes."""
        out: list[bytes] = []
        for name, is_text in self._fields:
            value = getattr(record, name)
            data = value.encode() if is_text else value
            out += (_length(len(data)), data)
        return b"".join(out)

    def unpack(self, data: bytes) -> Any:
        """Return the record; every byte of ``data`` is accounted for."""
        values: dict[str, Any] = {}
        at, end = 0, len(data)
        for name, is_text in self._fields:
            size, at = _skim_long(data, at)
            if not 0 <= size <= end - at:
                raise Malformed(f"bytes are not a {self._name}")
            field = data[at : at + size]
            at += size
            values[name] = _text(field, self._name) if is_text else field
        if at != end:
            raise Malformed(f"bytes left over behind a {self._name}")
        return self._record(**values)


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise Malformed(f"bytes are not a {name}") from exc


@cache
def _flat(number: int) -> _Flat | None:
    """Return the short way for a schema that is flat."""
    own = schema_by_id(number)
    kinds = {f["type"] if isinstance(f["type"], str) else "" for f in own.json["fields"]}
    return _Flat(own) if kinds <= {"bytes", "string"} else None


def _length(size: int) -> bytes:
    """Return a length as Avro writes it: zigzag, seven bits a byte."""
    rest = size << 1
    if rest < 0x80:
        return bytes((rest,))
    if rest < 0x4000:
        return bytes((rest & 0x7F | 0x80, rest >> 7))
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_Shape = tuple[Any, ...]


@cache
def _shape(number: int) -> _Shape:
    return _outline(schema_by_id(number).json)


def _outline(node: dict[str, Any] | str) -> _Shape:
    """Compile a schema to what `_skim` walks: type names, and a nested tuple for an array."""
    if isinstance(node, str):
        return (node,)
    kinds = (f["type"] for f in node["fields"])
    return tuple(k if isinstance(k, str) else _outline(k["items"]) for k in kinds)


def _skim(shape: _Shape, data: bytes | memoryview, at: int, left: int) -> tuple[int, int]:
    """Return where a datum ends and how many elements are left, making no value of it."""
    for kind in shape:
        if kind == "boolean":
            at += 1
        elif kind in {"int", "long"}:
            _, at = _skim_long(data, at)
        elif isinstance(kind, str):  # bytes, string
            size, at = _skim_long(data, at)
            if not 0 <= size <= len(data) - at:
                raise Malformed("a length points past the end")
            at += size
        else:
            at, left = _skim_array(kind, data, at, left)
    return at, left


def _skim_array(shape: _Shape, data: bytes | memoryview, at: int, left: int) -> tuple[int, int]:
    while True:
        count, at = _skim_long(data, at)
        if (
            count < 0
        ):  # the long form: a negative count and the block's size in bytes, both untrusted
            count, (_, at) = -count, _skim_long(data, at)
        if count == 0:
            return at, left
        left -= count
        if left < 0:
            raise Malformed(f"more than {MAX_ITEMS} elements in one record", reason="size")
        for _ in range(count):
            at, left = _skim(shape, data, at, left)


def _skim_long(data: bytes | memoryview, at: int) -> tuple[int, int]:
    if at + 1 < len(data):  # nearly all lengths take one byte or two
        low, high = data[at], data[at + 1]
        if low < 0x80:
            return (low >> 1) ^ -(low & 1), at + 1
        if high < 0x80:
            return ((high << 6) | (low & 0x7F) >> 1) ^ -(low & 1), at + 2
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            value &= 0xFFFF_FFFF_FFFF_FFFF  # as fastavro's C does, so both read the same count
            return (value >> 1) ^ -(value & 1), at
    raise Malformed("a number does not end")


@cache
def _to_dict(number: int) -> Callable[[Any], dict[str, Any]]:
    """Compile record -> dict for a schema; `dataclasses.asdict` would triple the cost."""
    return _dumper(schema_by_id(number).json)


def _dumper(node: dict[str, Any]) -> Callable[[Any], dict[str, Any]]:
    plain = [f["name"] for f in node["fields"] if not _is_array(f)]
    lists = [(f["name"], f["type"]["items"]) for f in node["fields"] if _is_array(f)]
    nested = {n: _dumper(items) for n, items in lists if isinstance(items, dict)}

    def dump(record: Any) -> dict[str, Any]:
        out = {name: getattr(record, name) for name in plain}
        for name, _ in lists:
            values, inner = getattr(record, name), nested.get(name)
            out[name] = [inner(v) for v in values] if inner else list(values)
        return out

    return dump


@cache
def _from_dict(number: int) -> Callable[[dict[str, Any]], Any]:
    return _loader(schema_by_id(number).json)


def _loader(node: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    record = getattr(records, node["name"])
    lists = [(f["name"], f["type"]["items"]) for f in node["fields"] if _is_array(f)]
    nested = {n: _loader(items) for n, items in lists if isinstance(items, dict)}

    def load(value: dict[str, Any]) -> Any:
        for name, _ in lists:
            inner = nested.get(name)
            value[name] = tuple(inner(v) for v in value[name]) if inner else tuple(value[name])
        return record(**value)

    return load


def _is_array(field: dict[str, Any]) -> bool:
    return isinstance(field["type"], dict) and field["type"]["type"] == "array"
