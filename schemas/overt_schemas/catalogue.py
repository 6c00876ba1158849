"""The schema set: fixed ids, parsed schemas, fingerprints.

Ids are ours and fixed for ever (a file in the tree, no registry to ask); a golden test pins the
fingerprint of each, so that a released schema can only be followed by a new one, never changed.
A follower is a file ``Name.2.avsc`` with an id of its own: the class gains fields with defaults,
what is written is the newest, and what was written before is read with those defaults.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from overt_schemas import records
from overt_schemas.errors import Malformed

IDS: dict[int, str] = {
    # framed values of topics
    1: "SealedBatch", 2: "Tombstone", 3: "Part", 4: "Marker", 5: "Signed",
    7: "Session", 8: "AuditEntry", 9: "DeadLetter", 10: "Verdict", 11: "Session.2",
    # rows of an object container
    6: "StoredPart",
    # inside a seal or a header
    20: "PeriodHeader", 21: "InputBatch", 22: "FrameBatch",
    # bodies of Signed
    30: "BootEnd", 31: "KeySet", 32: "Policy", 33: "Overlay", 34: "Beacon",
    35: "Device", 36: "Person", 37: "Grant", 38: "Consent", 39: "Presence", 40: "Policy.2",
}  # fmt: skip
# By class: the newest version, which is the one that is written.
ID_OF = {name.partition(".")[0]: number for number, name in sorted(IDS.items())}
_VERSIONS = {name: number for number, name in IDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One schema: its id, record class, the JSON as written, the parsed form fastavro wants."""

    id: int
    name: str
    record: type
    json: dict[str, Any]
    parsed: Any
    fingerprint: str


def schema(name: str) -> Schema:
    """Return the newest schema of a record class, or the version named ``Class.2``."""
    return schema_by_id(ID_OF[name] if name in ID_OF else _VERSIONS[name])


@cache
def schema_by_id(number: int) -> Schema:
    """Return the schema of that id, or raise ``Malformed`` (reason ``unknown_schema``)."""
    name = IDS.get(number)
    if name is None:
        raise Malformed(f"unknown schema id {number}", reason="unknown_schema")
    text = (resources.files("overt_schemas") / "avsc" / f"{name}.avsc").read_text("utf-8")
    raw = json.loads(text)
    return Schema(
        id=number,
        name=name,
        record=getattr(records, name.partition(".")[0]),
        json=raw,
        parsed=fastavro.parse_schema(json.loads(text)),
        fingerprint=fingerprint(to_parsing_canonical_form(raw), "SHA-256"),
    )
