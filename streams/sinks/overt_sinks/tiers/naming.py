"""What an object of the warm and cold tier is of, and how it is named. Pure.

``person=<pseudonym>/day=<YYYY-MM-DD>/class=<class>/<move>.avro``: one person, one day, one class.
The class is a part of the name because classes expire at different times. A notice is of nobody,
and stands under the person ``-``. A move is named by the runs it packs, in their order, so the same
plan has the same name, and a name that is taken was taken for the same bytes.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from overt_schemas.ids import Stream
from overt_sinks.placing import PART

WARM, COLD = "warm", "cold"
INPUT, FRAME, MARK = "input", "frame", "mark"
CLASSES = (INPUT, FRAME, MARK)
NOBODY = "-"
DAY_MS = 86_400_000
_MOVE_DIGITS = 20
# What stands in a path must not be able to leave it; pseudonyms are of these characters.
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Group:
    """What one object of the warm or cold tier may hold."""

    person: str
    day: str
    class_: str

    @property
    def folder(self) -> str:
        """The folder of its objects, without a slash at the end."""
        return f"person={self.person}/day={self.day}/class={self.class_}"

    @property
    def is_named(self) -> bool:
        """Whether a name can be made of it: a record may claim any text as its person."""
        is_person = self.person == NOBODY or _PERSON.fullmatch(self.person)
        return bool(is_person) and day_end_ms(self.day) is not None


def class_of(kind: str, stream: int) -> str:
    """Return the class of a record."""
    if kind != PART:
        return MARK
    return FRAME if stream == Stream.FRAME else INPUT


def group_of(kind: str, stream: int, person: str, day: str) -> Group:
    """Return what a record is packed with."""
    return Group(person=person or NOBODY, day=day, class_=class_of(kind, stream))


def move_id(runs: Iterable[str]) -> str:
    """Return the name of a move of these runs in this order."""
    return hashlib.sha256("\n".join(runs).encode()).hexdigest()[:_MOVE_DIGITS]


def carry_id(tier: str, name: str) -> str:
    """Return the name of a move of a whole object to another tier."""
    return move_id((f"to {tier}", name))


def target(group: Group, move: str) -> str:
    """Return the name of the object that a move makes."""
    return f"{group.folder}/{move}.avro"


def day_end_ms(day: str) -> int | None:
    """Return when a day (UTC) ends, in Unix milliseconds; None if there is no such day."""
    try:
        begin = date.fromisoformat(day)
        end = datetime(begin.year, begin.month, begin.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return int(end.timestamp()) * 1000


def day_of(wall_ms: int) -> str:
    """Return the day (UTC) of a Unix time in milliseconds."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).date().isoformat()
