"""What a schema of the contract may say: a closed list, checked before anything is released.

The codec, the bounds on hostile bytes and the promise "equal records are equal bytes" hold for
this subset of Avro only: records of ``boolean``, ``int``, ``long``, ``string``, ``bytes`` and
arrays of those or of records. Every field says what it is, what for, and how bad a leak would be.
Findings are sentences; none means clean. Nothing here reads a file: callers pass parsed JSON.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

NAMESPACE = "overt.v1"
SENSITIVITIES = frozenset({"public", "trace", "identity", "content", "sealed"})
PRIMITIVES = frozenset({"boolean", "int", "long", "string", "bytes"})
MAX_DEPTH = 4  # records within records; what is deeper is no longer read by people
_RECORD_KEYS = frozenset({"type", "name", "namespace", "doc", "fields"})
_FIELD_KEYS = frozenset({"name", "type", "doc", "purpose", "sensitivity"})
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_VERSION = re.compile(r"\.([2-9]|[1-9][0-9]+)$")  # of a file that follows another
_CAMEL = re.compile(r"([A-Z][a-z0-9]+)+")
_WHY = {
    "default": "a default hides that the writer did not know the field",
    "aliases": "an alias hides a renaming",
    "logicalType": "logical types read differently from library to library",
    "null": "null takes no bytes, so a count alone could make millions of them",
    "map": "maps have no one order, so equal records would be unequal bytes",
    "union": "unions make a field's type depend on the data",
    "enum": "an enum's reader refuses every later symbol; use a string with a bounded list",
    "fixed": "fixed is a named type; use bytes and check the length",
    "float": "floats have many forms of one value; use a scaled long",
    "double": "floats have many forms of one value; use a scaled long",
}


def lint_set(files: Mapping[str, Any], ids: Mapping[int, str]) -> list[str]:
    """Return the findings of a whole set: schemas by file name without suffix, and their ids."""
    found = [line for name, node in sorted(files.items()) for line in lint(name, node)]
    names = list(ids.values())
    twice = sorted({n for n in names if names.count(n) > 1})
    found += [f"{name}: no id in the catalogue" for name in sorted(set(files) - set(names))]
    found += [f"{name}: in the catalogue, but no file" for name in sorted(set(names) - set(files))]
    found += [f"{name}: more than one id" for name in twice]
    found += [f"id {number}: not from 1 to 2^31-1" for number in ids if not 0 < number < 2**31]
    first: dict[str, Any] = {}
    for file, node in sorted(files.items()):
        follower = files.get(_follower(file))
        if follower is not None:
            found += [f"{_follower(file)}: {line}" for line in _differences(node, follower)]
            continue  # an older version: the class is that of the newest
        for inner in _records(node):
            # one class of that name in `records`, so one schema
            if first.setdefault(inner["name"], inner) != inner:
                found.append(f"{file}: {inner['name']} differs from its namesake elsewhere")
    return found


def lint(file: str, node: Any) -> list[str]:
    """Return the findings of one schema in a file of that name (without suffix)."""
    if not isinstance(node, dict) or node.get("type") != "record":
        return [f"{file}: a file holds one record"]
    named = node.get("name") == _VERSION.sub("", file)
    found = [] if named else [f"{file}: a file is named as its record"]
    return found + list(_record(file, node, ()))


def _follower(file: str) -> str:
    """Return the name of the file that would hold the next version of a schema."""
    name, _, version = file.partition(".")
    return f"{name}.{int(version or 1) + 1}" if version.isdigit() or not version else ""


def _differences(old: Any, new: Any) -> Iterator[str]:
    """Yield what a follower changed: it may only add fields at the end, with defaults."""
    had, has = ([(f.get("name"), f.get("type")) for f in n.get("fields", [])] for n in (old, new))
    if has[: len(had)] != had:
        yield "a follower keeps all fields in their order and adds new ones behind them"


def _record(path: str, node: dict[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    yield from _closed(path, node, _RECORD_KEYS)
    name = node.get("name")
    if not isinstance(name, str) or not _CAMEL.fullmatch(name):
        yield f"{path}: a record is named in CamelCase"
    if node.get("namespace") != NAMESPACE:
        yield f"{path}: the namespace is {NAMESPACE}"
    if not _says(node.get("doc")):
        yield f"{path}: has no doc"
    if name in above:
        yield f"{path}: recursive; a record never holds its own kind"
        return
    if len(above) >= MAX_DEPTH:
        yield f"{path}: nested deeper than {MAX_DEPTH} records"
        return
    fields = node.get("fields")
    if not isinstance(fields, list) or not fields:
        yield f"{path}: no fields, so it takes no bytes and a count alone makes millions"
        return
    names = [f.get("name") for f in fields if isinstance(f, dict)]
    if len({str(n) for n in names}) != len(fields):
        yield f"{path}: fields have one name each"
    for field in fields:
        if isinstance(field, dict):
            yield from _field(f"{path}.{field.get('name')}", field, (*above, str(name)))


def _field(path: str, field: dict[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    yield from _closed(path, field, _FIELD_KEYS)
    if not isinstance(field.get("name"), str) or not _SNAKE.fullmatch(field["name"]):
        yield f"{path}: a field is named in snake_case"
    yield from (f"{path}: has no {k}" for k in ("doc", "purpose") if not _says(field.get(k)))
    if field.get("sensitivity") not in SENSITIVITIES:
        yield f"{path}: sensitivity is one of {', '.join(sorted(SENSITIVITIES))}"
    kind = field.get("type")
    if isinstance(kind, dict) and kind.get("type") == "array":
        yield from _closed(path, kind, frozenset({"type", "items"}))
        items = kind.get("items")
        if isinstance(items, dict) and items.get("type") == "record":
            yield from _record(path, items, above)
        else:
            yield from _primitive(path, items, above)
    else:
        yield from _primitive(path, kind, above)


def _primitive(path: str, kind: Any, above: tuple[str, ...]) -> Iterator[str]:
    if isinstance(kind, str) and kind in PRIMITIVES:
        return
    own = "union" if isinstance(kind, list) else kind
    while isinstance(own, dict):
        if "logicalType" in own:
            own = "logicalType"
        elif own.get("type") in {"record", "array"}:
            yield f"{path}: {own['type']} where only a primitive or an array of records may be"
            return
        else:
            own = own.get("type")
    if str(own).rpartition(".")[2] in above:
        yield f"{path}: recursive; a record never holds its own kind"
    else:
        yield f"{path}: {own} is refused: {_WHY.get(str(own), 'not a type of the contract')}"


def _closed(path: str, node: dict[str, Any], allowed: frozenset[str]) -> Iterator[str]:
    for key in sorted(set(node) - allowed):
        yield f"{path}: {key} is refused: {_WHY.get(key, 'not an attribute of the contract')}"


def _says(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _records(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict) and node.get("type") == "record" and "name" in node:
        yield node
        for field in node.get("fields", []):
            kind = field.get("type")
            yield from _records(kind.get("items") if isinstance(kind, dict) else kind)
