"""When what moves where, and when it goes for good, as declared. Pure.

``tiers.yaml`` holds ages as ``24h`` or ``30d``, sizes in bytes; a retention is an age in days, or
``keep``. What it declares is handed to mover, verifier and eraser as tables of their settings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overt_ops.topology.strict import known_keys, require

_AGE = re.compile(r"(\d+)(m|h|d)")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_DAY_S = 86_400
_CLASSES = ("input", "frame", "mark")
_MIB = 1_048_576
# Below this a sink that hung might still create a name that was deleted: it would come back.
_YOUNGEST_S = 3_600

Value = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiering:
    """The declared tables, by the names that the sinks' settings have for them."""

    tiers: Mapping[str, Value]
    retention: Mapping[str, Value]


def parse_tiers(document: Mapping[str, Any]) -> Tiering:
    """Return what ``tiers.yaml`` declares.

    Raises:
        Permanent: an unknown word, an age that is none, or marks that would go before what they
            explain.
    """
    known_keys("tiers", document, {"hot", "warm", "cold", "retention"})
    hot, warm, cold = document["hot"], document["warm"], document["cold"]
    known_keys("tiers: hot", hot, {"youngest_deleted"})
    known_keys("tiers: warm", warm, {"after", "grace", "largest", "late", "merge"})
    known_keys("tiers: warm: late", warm["late"], {"bytes", "age"})
    known_keys("tiers: cold", cold, {"after", "storage_class"})
    youngest = _age("hot: youngest_deleted", hot["youngest_deleted"])
    require(youngest >= _YOUNGEST_S, "tiers: hot: youngest_deleted is less than an hour")
    largest = int(warm["largest"])
    require(0 < largest <= 256 * _MIB, "tiers: warm: largest is more than one request may be")
    tiers: dict[str, Value] = {
        "after_s": _age("warm: after", warm["after"]),
        "cold_after_s": _age("cold: after", cold["after"], never=True),
        "grace_s": _age("warm: grace", warm["grace"]),
        "min_hot_age_s": youngest,
        "object_bytes": largest,
        "late_bytes": int(warm["late"]["bytes"]),
        "late_s": _age("warm: late: age", warm["late"]["age"]),
        "merge_objects": int(warm["merge"]),
        "storage_class": str(cold["storage_class"] or ""),
    }
    return Tiering(tiers=tiers, retention=_retention(document["retention"]))


def _retention(document: Mapping[str, Any]) -> dict[str, Value]:
    known_keys("tiers: retention", document, set(_CLASSES))
    days = {}
    for name in _CLASSES:
        seconds = 0 if document[name] == "keep" else _age(f"retention: {name}", document[name])
        require(seconds % _DAY_S == 0, f"tiers: retention: {name} is no number of days")
        days[name] = seconds // _DAY_S
        require(
            days[name] > 0 or document[name] == "keep", f"tiers: retention: {name} is 0: say keep"
        )
    marks = days["mark"]
    explained = marks == 0 or (
        min(days["input"], days["frame"]) > 0 and marks >= max(days.values())
    )
    require(explained, "tiers: retention: marks go before what they explain the holes of")
    return {f"{name}_days": days[name] for name in _CLASSES}


def _age(where: str, text: object, *, never: bool = False) -> int:
    """Return an age in seconds; with ``never``, the word is 0."""
    if never and text == "never":
        return 0
    match = _AGE.fullmatch(str(text))
    require(
        match is not None, f"tiers: {where} is {text!r}, not minutes (m), hours (h) or days (d)"
    )
    assert match is not None  # noqa: S101 (for the type checker)
    return int(match[1]) * _SECONDS[match[2]]
