"""The stages of the stream: which group reads what, and which process does it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from overt_schemas.errors import Permanent
from overt_schemas.topics import CATALOGUE, FRAME, INPUT, PART


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One app. Its name is its consumer group and the name of its process in a stack."""

    name: str
    topic: str
    into: str

    @property
    def partitions(self) -> range:
        """The partitions of what it reads."""
        return range(CATALOGUE[self.topic].partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A group's life: its state, who is in it, and how many partitions they hold."""

    state: str
    count: int
    partitions: frozenset[int]

    def holds(self, stage: Stage) -> bool:
        """Whether the group is settled and every partition is somebody's."""
        return self.state == "stable" and self.partitions >= set(stage.partitions)


# In the order of the stream: what an earlier one has not done, a later one cannot have.
STAGES = (
    Stage(name="refine-input", topic=INPUT, into=PART),
    Stage(name="refine-frame", topic=FRAME, into=PART),
    Stage(name="session", topic=PART, into="overt.session.v1"),
    Stage(name="feed", topic=PART, into="overt.feed.<grant>.v1"),
    Stage(name="sink", topic=PART, into="objects"),
)


def named(names: Iterable[str]) -> tuple[Stage, ...]:
    """Return the stages of these names in the stream's order; without names all.

    Raises:
        Permanent: there is no stage of that name.
    """
    wanted = list(names)
    unknown = sorted(set(wanted) - {stage.name for stage in STAGES})
    if unknown:
        raise Permanent(
            f"no stage called {unknown[0]!r}: there are {', '.join(s.name for s in STAGES)}",
            reason="usage",
        )
    return tuple(stage for stage in STAGES if not wanted or stage.name in wanted)
