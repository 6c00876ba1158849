"""What may become of one raw record: a closed union, so that no record is ever forgotten.

``Unsure`` is not an end: the registries may be behind. The shell reads them on to the end of this
moment and asks once more; what is unknown then is set aside.
"""

from dataclasses import dataclass

from overt_schemas.errors import Refused
from overt_schemas.records import DeadLetter, Gap, Marker, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One record of overt.input.v1 or overt.frame.v1, as Kafka gave it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The moment of a step: Unix milliseconds for what is written, elapsed time for ages."""

    wall_ms: int
    boot_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The batch was opened, checked and sealed again.

    Attributes:
        flags: the violations marked on it.
        thinned: the gaps that thinning added, with how much it left out.
    """

    part: Part
    flags: tuple[str, ...]
    thinned: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """No content, but something a reader must know: a tombstone or a boot end."""

    marker: Marker
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Nothing can be done with it now; it stays sealed in a dead letter and can be redriven.

    ``marker`` stands in the place of a genuine batch that was forbidden, so that a reader knows
    why it is missing; what cannot be believed leaves none. Both are produced, or neither counts.
    """

    letter: DeadLetter
    reason: str
    marker: Marker | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Of somebody erased: neither processed nor kept, only counted."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """Something named in the record is not known (yet): read on, then ask again."""

    reason: str


Outcome = Sealed | Marked | SetAside | Dropped | Unsure


class Unknown(Refused):
    """A device, person, consent, policy, beacon or key that the registries do not name."""


class Erased(Refused):
    """A person or device that was erased, or is being erased."""
