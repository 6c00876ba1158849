"""What can be wrong with what is stored, and the list of what is. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

# What is printed; all are counted. A lost index gives a finding for each object there is.
KEPT = 1000
NOWHERE = -1  # the partition of what belongs to none


class Kind(Enum):
    """What can be wrong."""

    HOLE = "offsets between two objects are in neither"
    OVERLAP = "an offset is covered by two objects"
    UNCOVERED = "an offset was committed and no object covers it"
    UNACCOUNTED = "an offset stands nowhere, was not set aside and is not gone on purpose"
    REPEATED = "an offset stands twice"
    UNLINKED = "an offset stands in a tier, and no link of the chain covers it"
    RETURNED = "a record is gone on purpose, and its bytes still stand"
    HALF_ERASED = "a record was blanked and the index does not know: erase that day again"
    MISSING = "an object in the index is not in its tier"
    UNREADABLE = "an object does not match its own hash"
    DIFFERS = "an object is not the one in the index"
    ROWS = "the index has other rows than the object's records give"
    STRAY = "an object is in a tier and not in the index"
    HIDDEN = "a version or delete marker that no listing shows"
    UPLOAD = "a multipart upload that never ended"
    SUMS = "the index's runs, set aside and gone do not add up to its links"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        partition: ``NOWHERE`` where an object holds those of several, or cannot be read.
        first: the first offset of it; with ``SUMS`` what the links cover.
        last: the last one; with ``SUMS`` what is accounted for.
        object: a name, for programs: in warm and cold it holds a person's pseudonym.
    """

    kind: Kind
    partition: int = NOWHERE
    first: int = NOWHERE
    last: int = NOWHERE
    tier: str = ""
    object: str = ""


@dataclass(slots=True)
class Findings:
    """Everything found: all counted by kind, the first ``KEPT`` kept."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.counts)

    def add(self, finding: Finding) -> None:
        """Count one, and keep it if there is room."""
        self.counts[finding.kind] += 1
        if len(self.kept) < KEPT:
            self.kept.append(finding)

    def add_all(self, findings: Iterable[Finding]) -> None:
        """Add several."""
        for finding in findings:
            self.add(finding)
