"""How long ago, as an operator types it. Pure."""

import re

from overt_schemas.errors import Permanent

_SPAN = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def ms(text: str) -> int:
    """Return the milliseconds of ``90s``, ``15m``, ``2h`` or ``7d``.

    Raises:
        Permanent: it is none of these.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise Permanent(f"{text[:40]!r} is no span of time: say 90s, 15m, 2h or 7d", reason="usage")
    return int(match[1]) * _UNIT_MS[match[2]]


def said(ms_ago: int) -> str:
    """Return a span in its largest whole unit."""
    for unit in ("d", "h", "m"):
        if ms_ago >= 2 * _UNIT_MS[unit]:
            return f"{ms_ago // _UNIT_MS[unit]}{unit}"
    return f"{max(0, ms_ago) // 1000}s"
