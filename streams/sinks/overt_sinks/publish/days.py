"""Which days of the published table have to be written anew. Pure.

A day has a print: a digest of what the index holds of it. The prints of what is published stand in
the table's own properties, committed with its rows, so there is no second place to disagree with.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

DAY = "overt.day."
GONE = "overt.gone"
RETIRED = "overt.retired"
COMMIT = "overt.commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is published, or should be.

    Attributes:
        days: the print of each day that has rows.
        gone: a print of everything that was erased or has expired.
    """

    days: Mapping[str, str]
    gone: str = ""

    @property
    def commit(self) -> str:
        """Name the state: the same wherever it is computed again."""
        digest = hashlib.sha256(self.gone.encode())
        for day in sorted(self.days):
            digest.update(f" {day} {self.days[day]}".encode())
        return digest.hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What brings one state to another.

    Attributes:
        drop: days whose rows go, those that are written anew among them.
        write: days whose rows come.
        must_forget: something is gone for good, so nothing older may stay readable.
    """

    drop: tuple[str, ...]
    write: tuple[str, ...]
    must_forget: bool

    @property
    def is_none(self) -> bool:
        """Whether the published table is what it should be."""
        return not (self.drop or self.write or self.must_forget)


def change(published: State, wanted: State) -> Change:
    """Return what has to be written so that the table says what the index says."""
    differ = {
        day
        for day in {*published.days, *wanted.days}
        if published.days.get(day) != wanted.days.get(day)
    }
    return Change(
        drop=tuple(sorted(differ & published.days.keys())),
        write=tuple(sorted(differ & wanted.days.keys())),
        must_forget=published.gone != wanted.gone,
    )


def state_of(properties: Mapping[str, str]) -> State:
    """Return the state that a table's properties say is published."""
    days = {
        name.removeprefix(DAY): value for name, value in properties.items() if name.startswith(DAY)
    }
    return State(days=days, gone=properties.get(GONE, ""))


def is_day(text: str) -> bool:
    """Whether the text is a day of the calendar; a record may claim any ten characters."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
