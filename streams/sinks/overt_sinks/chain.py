"""The create-only chain: how each offset comes to stand in exactly one object. Pure.

Invariant: the object named by ``first`` covers exactly [first, last], the next one is named by
``last + 1``, a name is created once and never overwritten. Every worker of a partition walks the
same names, so whatever each would have cut, whoever is slow, restarted or believes the partition
is still his: the first to create a name decides its range, and all others adopt it.

One object's way is create -> (exists: read, verify) -> index -> commit. Dying anywhere is safe::

    before create        nothing was done; the records are read again
    after create         an object without a row: the next worker finds it, adopts and indexes it
    after index          adopted again, the row is there, the offset is committed
    create, no answer    asked again: created, or it exists and is adopted (it may be our own)
"""

from dataclasses import dataclass, replace
from typing import assert_never

from overt_schemas.errors import Malformed
from overt_sinks.container import Object

_FIRST_WAIT_NS = 100_000_000
_LONGEST_WAIT_NS = 5_000_000_000
_DOUBLINGS = 6  # reach the longest wait


# What the world did.
@dataclass(frozen=True, slots=True)
class Created:
    """The name is new and holds our object."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The name was taken: by another worker, by us before a crash, or by our own lost answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands under the name."""

    object: Object


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing stands under the name after all: some stores answer a clash like an existing name.

    It is created again, but later, like after ``Failed``: a store may say so for ever.
    """

    spread: float


@dataclass(frozen=True, slots=True)
class Indexed:
    """The index has the object's rows, now or already."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It may work later; ``spread`` in [0, 1) keeps workers from trying in step."""

    spread: float


Event = Created | Exists | Found | Missing | Indexed | Failed


# What to do next.
@dataclass(frozen=True, slots=True)
class Create:
    """Create the name with our object, and never overwrite it."""

    object: Object


@dataclass(frozen=True, slots=True)
class Read:
    """Read what stands under the name."""

    object: Object


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert the object's rows in one transaction; rows that stand already stay."""

    object: Object


@dataclass(frozen=True, slots=True)
class Done:
    """The offset behind the object may be committed, and the next name is open."""

    object: Object
    adopted: bool

    @property
    def next(self) -> int:
        """Where the next object begins."""
        return self.object.last + 1


Effect = Create | Read | Insert | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One object on its way. ``object`` is what we would write, or what was adopted."""

    object: Object
    doing: Create | Read | Insert
    adopted: bool = False
    failures: int = 0
    not_before: int = 0


def start(committed: int | None, indexed_last: int | None) -> int | None:
    """Return where a partition's chain goes on, or None if nobody knows.

    The group's offset may be lost or behind (a commit that never arrived), the index may be
    restored from a backup: whichever is further has seen the objects up to there.
    """
    known = [
        n for n in (committed, None if indexed_last is None else indexed_last + 1) if n is not None
    ]
    return max(known, default=None)


def begin(built: Object) -> tuple[Link, Effect]:
    """Return the first step of an object that was built here."""
    create = Create(built)
    return Link(object=built, doing=create), create


def step(link: Link, event: Event, now: int) -> tuple[Link, Effect]:
    """Return what follows from an event; from ``not_before`` where that lies ahead.

    Raises:
        Malformed: another object stands under the name than the chain allows.
    """
    match event:
        case Failed(spread):
            return _later(link, spread, now), link.doing
        case Created() if isinstance(link.doing, Create):
            return _to(link, Insert(link.object))
        case Exists() if isinstance(link.doing, Create):
            read = Read(link.object)
            return replace(link, doing=read, not_before=0), read
        case Found(found) if isinstance(link.doing, Read):
            _same_name(found, link.object)
            return _to(replace(link, object=found, adopted=True), Insert(found))
        case Missing(spread) if isinstance(link.doing, Read):
            create = Create(link.object)
            return _later(replace(link, doing=create), spread, now), create
        case Indexed() if isinstance(link.doing, Insert):
            return link, Done(link.object, link.adopted)
        case Created() | Exists() | Found() | Missing() | Indexed():
            raise AssertionError(f"{type(event).__name__} does not answer {link.doing}")
        case _:
            assert_never(event)


def _later(link: Link, spread: float, now: int) -> Link:
    wait = min(_FIRST_WAIT_NS << min(link.failures, _DOUBLINGS), _LONGEST_WAIT_NS)
    until = now + wait // 2 + int(wait * spread / 2)
    return replace(link, failures=link.failures + 1, not_before=until)


def _to(link: Link, doing: Create | Read | Insert) -> tuple[Link, Effect]:
    return replace(link, doing=doing, failures=0, not_before=0), doing


def _same_name(found: Object, ours: Object) -> None:
    if (found.partition, found.first) != (ours.partition, ours.first):
        raise Malformed("an object stands under the name of another", reason="object_name")
