"""May a reader with one schema read what was written with another?

A released schema is never changed (a golden test pins its fingerprint); it is followed by a new
one with a new id. This answers, before that release, which old bytes a new reader can still take
and which new bytes an old reader can. The rules are Avro's resolution, as fastavro applies it:
fields match by name in any order, a field only the writer knows is skipped, a field only the reader
knows needs a default, numbers widen, ``string`` and ``bytes`` read each other. Tests hold this
against fastavro.
"""

from typing import Any

_WIDENS: dict[str, frozenset[str]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}


def obstacles(reader: Any, writer: Any, path: str = "") -> tuple[str, ...]:
    """Return why ``reader`` cannot read what ``writer`` wrote, one sentence each; empty if it can.

    Only the subset of Avro that ``lint`` allows is known, and defaults; anything else is an
    obstacle. ``bytes`` that are not UTF-8 still fail a reader that wants ``string``.
    """
    here = path or "record"
    if isinstance(reader, str) and isinstance(writer, str):
        if reader == writer or reader in _WIDENS.get(writer, frozenset()):
            return ()
        return (f"{here}: {writer} cannot be read as {reader}",)
    kinds = {node.get("type") if isinstance(node, dict) else "" for node in (reader, writer)}
    if kinds == {"array"}:
        return obstacles(reader["items"], writer["items"], f"{path}[]")
    if kinds == {"record"}:
        return _record(reader, writer, path)
    return (f"{here}: the kinds differ or are outside the contract",)


def can_read(reader: Any, writer: Any) -> bool:
    """Return whether ``reader`` reads everything that ``writer`` can write."""
    return not obstacles(reader, writer)


def _record(reader: dict[str, Any], writer: dict[str, Any], path: str) -> tuple[str, ...]:
    if _unqualified(reader) != _unqualified(writer):
        return (f"{path or 'record'}: {writer['name']} is another record than {reader['name']}",)
    written = {f["name"]: f for f in writer["fields"]}
    found: list[str] = []
    for field in reader["fields"]:
        inner = f"{path}.{field['name']}".lstrip(".")
        other = written.get(field["name"])
        if other is not None:
            found += obstacles(field["type"], other["type"], inner)
        elif "default" not in field:
            found.append(f"{inner}: not written, and the reader has no default")
    return tuple(found)


def _unqualified(node: dict[str, Any]) -> str:
    return str(node["name"]).rpartition(".")[2]
