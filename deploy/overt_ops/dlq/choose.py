"""Which of the letters that were meant can be decided on, and why the others cannot. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from overt_ops.dlq.letters import Entry, Filter, Place, once
from overt_ops.dlq.reasons import Helps, explain
from overt_schemas.errors import Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Letters by what becomes of them.

    Attributes:
        act: to be decided now, each record once.
        decided: somebody has decided already; nothing is done.
        pointless: redriving them cannot help; nothing is done without force.
        foreign: from a topic that nothing is written back to.
    """

    act: tuple[Entry, ...]
    decided: tuple[Entry, ...]
    pointless: tuple[Entry, ...]
    foreign: tuple[Entry, ...]


def choose(
    entries: Iterable[Entry], meant: Filter, *, sources: frozenset[str], force: bool
) -> Choice:
    """Return what becomes of the letters that are meant.

    ``sources`` are the topics that may be written back to (empty: nothing is to be written).

    Raises:
        Permanent: a letter is named that is not there.
    """
    found = [entry for entry in entries if meant.holds(entry)]
    missing = meant.places - {entry.place for entry in found}
    if missing:
        raise Permanent(
            f"no dead letter at {_listed(missing)}: `stream-ops dlq list` shows those there are",
            reason="place",
        )
    decided = [entry for entry in found if entry.verdict is not None]
    open_ = once(entry for entry in found if entry.verdict is None)
    foreign = [entry for entry in open_ if sources and entry.topic not in sources]
    pointless = [
        entry
        for entry in open_
        if sources and not force and explain(entry.reason).helps is Helps.NEVER
    ]
    out = {entry.place for entry in (*foreign, *pointless)}
    return Choice(
        act=tuple(entry for entry in open_ if entry.place not in out),
        decided=tuple(decided), pointless=tuple(pointless), foreign=tuple(foreign),
    )  # fmt: skip


def _listed(places: Iterable[Place]) -> str:
    ordered: Sequence[Place] = sorted(places)
    shown = ", ".join(map(str, ordered[:3]))
    return shown if len(ordered) <= 3 else f"{shown} and {len(ordered) - 3} more"
