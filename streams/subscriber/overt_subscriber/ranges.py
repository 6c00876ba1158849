"""The authority's answer to RANGES, checked before anything is sent anywhere. Pure.

An entry with a URL begins a range; entries without one are runs whose bytes follow in the same
range. A URL opens these bytes for whoever holds it: it is in no ``repr`` and in no error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from overt_schemas.errors import Malformed
from overt_subscriber.runs import Run

_RANGE = re.compile(r"bytes=(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})")
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One GET: where to, which bytes, and whose they are.

    Attributes:
        first: the object's byte that it begins with.
        size: how many bytes.
        runs: positions of its runs in what was asked for.
    """

    secure: bool
    host: str
    port: int | None
    target: str = field(repr=False)
    first: int
    size: int
    runs: range

    @property
    def header(self) -> str:
        """The value of its ``Range`` header."""
        return f"bytes={self.first}-{self.first + self.size - 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Ranges that cover what was asked for, in order, and for how many seconds they are good."""

    ranges: tuple[Range, ...]
    valid_s: int


def offer(answer: Mapping[str, Any], runs: Sequence[Run]) -> Offer:
    """Return what the answer offers for these runs.

    Raises:
        Malformed: it is not exactly these runs' bytes, or goes where bytes could be seen.
    """
    try:
        rows = list(answer["ranges"])
        if [str(row["run"]) for row in rows] != [run.run for run in runs]:
            raise Malformed("authority offers ranges of other runs", reason="ranges")
        starts = [at for at, row in enumerate(rows) if "url" in row]
        if starts[:1] != [0]:
            raise Malformed("authority offers ranges that begin nowhere", reason="ranges")
        made = [
            _range(rows[at], sum(run.bytes for run in runs[at:end]), range(at, end))
            for at, end in zip(starts, [*starts[1:], len(rows)], strict=True)
        ]
        return Offer(ranges=tuple(made), valid_s=int(answer["valid_s"]))
    except (KeyError, TypeError, ValueError):
        # Not chained: what could not be read may hold a URL.
        raise Malformed("authority's offer of ranges is not one", reason="ranges") from None


def _range(row: Mapping[str, Any], size: int, runs: range) -> Range:
    headers = {str(name).lower(): str(value) for name, value in row["headers"].items()}
    asked = _RANGE.fullmatch(headers.pop("range", ""))
    if asked is None or headers:
        raise Malformed("authority offers a range with other headers", reason="ranges")
    first, last = map(int, asked.groups())
    if last - first + 1 != size:
        raise Malformed("authority offers a range of another length", reason="ranges")
    parts = urlsplit(str(row["url"]))
    is_here = parts.scheme == "http" and parts.hostname in _HERE
    if not (parts.scheme == "https" or is_here) or not parts.hostname or "@" in parts.netloc:
        raise Malformed("authority offers a range over a way that is not private", reason="ranges")
    return Range(
        secure=parts.scheme == "https", host=parts.hostname, port=parts.port,
        target=f"{parts.path}?{parts.query}", first=first, size=size, runs=runs,
    )  # fmt: skip
