"""What may be mended of what stands in the wrong place, and by which proof. Pure.

Nothing is deleted that is not proved to be elsewhere: each of its offsets was met in an object that
was read in this very pass, was set aside, or is gone on purpose; it lies below what the sink has
committed, so that no sink reads it again; and it is older than any sink can hang before it creates
a name that it took for free. What cannot be proved is *left*, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from overt_sinks.audit.account import Account
from overt_sinks.audit.contents import Contents
from overt_sinks.index import Link
from overt_sinks.naming import Partition


class Do(Enum):
    """What mends something."""

    ADOPT = "index it: it continues its chain"
    INDEX = "give it its rows back: the chain knows it and its records stand nowhere else"
    RETIER = "correct its tier: it is the object in the index, and stands here"
    DELETE = "delete it: each record of it stands elsewhere or is gone on purpose"
    FORGET = "drop its row: nothing points into it and its bucket let go of it"
    RELEASE = "drop superseded rows: their grace is over and their records stand elsewhere"
    PURGE = "remove old versions and delete markers: the ledger knows what stands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do; ``count`` is how many rows or versions it is about."""

    do: Do
    tier: str
    object: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One thing that is wrong and is not mended here."""

    why: str
    tier: str
    object: str


@dataclass(slots=True)
class Plan:
    """What would be done, and what is left to a person."""

    steps: list[Step] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def add(self, decided: Step | Left) -> None:
        """Put a decision where it belongs."""
        if isinstance(decided, Step):
            self.steps.append(decided)
        else:
            self.left.append(decided)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for a program."""
        return {
            "steps": [
                {"do": s.do.name.lower(), "tier": s.tier, "object": s.object, "count": s.count}
                for s in self.steps
            ],
            "left": [{"why": x.why, "tier": x.tier, "object": x.object} for x in self.left],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What decisions rest on.

    Attributes:
        committed: of each partition; none where Kafka was not asked or did not answer.
        min_hot_age_ms: the youngest hot object that may be deleted.
    """

    account: Account
    committed: Mapping[Partition, int]
    now_ms: int
    min_hot_age_ms: int

    def is_met(self, contents: Contents) -> bool:
        """Whether each record that was not blanked stands elsewhere or is gone on purpose.

        What stands in an object that is not the one in the index counts for nothing.
        """
        for source, offsets in contents.of(~contents.blanked):
            met = self.account.met.get(source)
            if met is None or not met.holds(offsets).all():
                return False
            doubted = self.account.doubted.get(source)
            if doubted is not None and doubted.holds(offsets).any():
                return False
        return True

    def is_past(self, topic: str, topic_id: str, number: int, last: int) -> bool:
        """Whether no sink will come by these offsets again."""
        where = Partition(topic=topic, topic_id=topic_id, number=number)
        return self.committed.get(where, 0) > last


def linked_stray(world: World, link: Link, contents: Contents | None) -> Step | Left:
    """Decide on a hot object that the chain knows and that has no row.

    Either it was moved, erased or expired, and a worker that hung has made it anew; or its rows
    were lost.
    """
    if contents is None:
        return _left("it cannot be read", "hot", link.object)
    unmet = runs_unmet(world, contents)
    if unmet is None:
        return _left("a run of it stands elsewhere in part: look at verify", "hot", link.object)
    if unmet:
        if any(world.account.returned(s, o) for s, o in contents.of(~contents.blanked)):
            return _left("it holds records that were erased: erase them again", "hot", link.object)
        return Step(do=Do.INDEX, tier="hot", object=link.object, count=len(unmet))
    if not world.is_met(contents):
        return _left("what stands elsewhere is not what the index says", "hot", link.object)
    return _delete_hot(world, link.object, link, link.last_offset)


def stray(
    world: World, tier: str, name: str, contents: Contents | None, *, chain: Partition | None
) -> Step | Left:
    """Decide on an object that neither index nor chain knows; ``chain`` is a hot one's."""
    if contents is None:
        return _left("it is no object of a sink, or not whole", tier, name)
    if not world.is_met(contents):
        return _left("it holds records that stand nowhere else: keep it", tier, name)
    if chain is None:
        return Step(do=Do.DELETE, tier=tier, object=name)
    last = int(contents.offsets.max()) if contents.records else 0
    if not world.is_past(chain.topic, chain.topic_id, chain.number, last):
        return _left("its offsets are not committed, or nobody said so", tier, name)
    return Step(do=Do.DELETE, tier=tier, object=name)


def copy(tier: str, name: str, *, original: str, is_whole: bool, is_same: bool) -> Step | Left:
    """Decide on an object that the index has in another tier, ``original``.

    ``is_whole``: that one was read and is what the index says; ``is_same``: this one is.
    """
    if is_whole:
        return Step(do=Do.DELETE, tier=tier, object=name)
    if is_same:
        return Step(do=Do.RETIER, tier=tier, object=name)
    return _left(f"neither it nor the one in {original} is what the index says", tier, name)


def spent(
    world: World, tier: str, name: str, contents: Contents | None, link: Link | None
) -> Step | Left | None:
    """Decide on an object in the index that no run points into any more; None: too early.

    ``contents`` is None if its bucket has let go of it.
    """
    if contents is None:
        return Step(do=Do.FORGET, tier=tier, object=name)
    if not world.is_met(contents):
        return _left("no row points into it, and records of it stand nowhere else", tier, name)
    if link is None:
        return Step(do=Do.DELETE, tier=tier, object=name)
    decided = _delete_hot(world, name, link, link.last_offset)
    return decided if isinstance(decided, Step) else None


def hidden(tier: str, name: str, count: int, *, is_known: bool) -> Step | Left:
    """Decide on what no listing shows of a name; known: what stands or stood there is proved."""
    if is_known:
        return Step(do=Do.PURGE, tier=tier, object=name, count=count)
    return _left("a hidden version may be the only copy: restore it or remove it", tier, name)


def runs_unmet(world: World, contents: Contents) -> Sequence[int] | None:
    """Return the runs of which no offset stands elsewhere; None if one does in part."""
    unmet = []
    for number in range(len(contents.runs)):
        for source, offsets in contents.standing([number]):
            met = world.account.met.get(source)
            held = 0 if met is None else int(met.holds(offsets).sum())
            if 0 < held < len(offsets):
                return None
            if not held:
                unmet.append(number)
    return unmet


def _delete_hot(world: World, name: str, link: Link, last: int) -> Step | Left:
    if not world.is_past(link.topic, link.topic_id, link.kafka_part, last):
        return _left("its offsets are not committed, or nobody said so", "hot", name)
    if link.created_ms + world.min_hot_age_ms > world.now_ms:
        return _left("it is too young: a sink that hangs could make it anew", "hot", name)
    return Step(do=Do.DELETE, tier="hot", object=name)


def _left(why: str, tier: str, name: str) -> Left:
    return Left(why=why, tier=tier, object=name)
