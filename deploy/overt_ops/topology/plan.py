"""From what is live to what is declared, as a list of changes. Pure.

What the plan leaves alone, and says so as a *note*: topics nobody declared (deleting data is a
person's decision), DENY bindings (a pause takes away more than the topology does, and putting the
topology in place must not undo it), rights on feeds (they belong to grants), topics with more
partitions than declared, and groups that have lost their offsets while records lie in the topic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from overt_ops.topology.changes import (
    AddPartitions,
    Allow,
    Change,
    CommitFirst,
    CreateBucket,
    CreateTopic,
    CreateUser,
    DeleteUser,
    SetConfig,
    SetKeyRole,
    SetStoreRights,
    Withdraw,
)
from overt_ops.topology.model import Binding, Topic, Topology

FEED = "overt.feed."


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTopic:
    """A topic as the brokers have it; ``config`` holds what was set on the topic itself."""

    config: Mapping[str, str]
    ends: tuple[int, ...]  # the end offset of each partition

    @property
    def count(self) -> int:
        """How many partitions it has."""
        return len(self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """All that was found."""

    topics: Mapping[str, LiveTopic] = field(default_factory=dict)
    users: frozenset[str] = frozenset()
    access: frozenset[Binding] = frozenset()
    denied: int = 0
    offsets: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    buckets: frozenset[str] = frozenset()
    store_rights: Mapping[str, object] = field(default_factory=dict)
    key_policies: Mapping[str, str] = field(default_factory=dict)
    key_roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes in the order in which they are safe, and what was left alone."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def plan(declared: Topology, live: Live, initialise: frozenset[str] = frozenset()) -> Plan:
    """Return what it takes to make ``live`` what is ``declared``.

    ``initialise`` names groups that an operator has decided may start at the first record kept.

    Rights are withdrawn before any is given and users exist before their rights, so at no moment
    does anybody hold more than before and after.
    """
    changes: list[Change] = [Withdraw(binding=b) for b in sorted(_undeclared(declared, live))]
    changes += [DeleteUser(user=u) for u in sorted(live.users - set(declared.users))]
    for topic in declared.topics.values():
        changes += _topic_changes(topic, live.topics.get(topic.name))
    firsts = set(_firsts(declared, live, initialise))
    changes += [CommitFirst(group=g, topic=t, partition=p) for g, t, p in sorted(firsts)]
    changes += [CreateUser(user=u) for u in declared.users if u not in live.users]
    changes += [Allow(binding=b) for b in sorted(declared.access - live.access)]
    changes += [CreateBucket(bucket=b) for b in declared.buckets.buckets if b not in live.buckets]
    rights = declared.buckets
    if {name: rights.statements(name) for name in rights.identities} != dict(live.store_rights):
        changes.append(SetStoreRights(identities=rights.identities))
    for role in declared.keys.roles:
        same = live.key_policies.get(role) == declared.keys.policy(role)
        if not same or role not in live.key_roles:
            changes.append(SetKeyRole(role=role))
    notes = [*_notes(declared, live), *_lost(declared, live, firsts)]
    return Plan(changes=tuple(changes), notes=tuple(notes))


def _undeclared(declared: Topology, live: Live) -> set[Binding]:
    return {b for b in live.access - declared.access if not b.name.startswith(FEED)}


def _topic_changes(topic: Topic, live: LiveTopic | None) -> Iterator[Change]:
    if live is None:
        yield CreateTopic(topic=topic)
        return
    if live.count < topic.partitions:
        yield AddPartitions(topic=topic.name, partitions=topic.partitions)
    for key, value in topic.config.items():
        if live.config.get(key) != value:
            yield SetConfig(topic=topic.name, key=key, value=value)
    for key in sorted(set(live.config) - set(topic.config)):
        yield SetConfig(topic=topic.name, key=key, value=None)


def _firsts(
    declared: Topology, live: Live, initialise: frozenset[str]
) -> Iterator[tuple[str, str, int]]:
    """Yield what may start without a doubt: partitions in which nothing was ever written."""
    for group, topic, partition in _unstarted(declared, live):
        found = live.topics.get(topic)
        ends = found.ends if found else ()
        if group in initialise or partition >= len(ends) or ends[partition] == 0:
            yield group, topic, partition


def _unstarted(declared: Topology, live: Live) -> Iterator[tuple[str, str, int]]:
    for group, topics in declared.groups.items():
        for topic in topics:
            for partition in range(declared.topics[topic].partitions):
                if (group, topic, partition) not in live.offsets:
                    yield group, topic, partition


def _notes(declared: Topology, live: Live) -> Iterator[str]:
    for name in sorted(set(live.topics) - set(declared.topics)):
        if not name.startswith((FEED, "__")):
            yield f"undeclared topic {name} was left alone: delete it by hand or declare it"
    for name, topic in declared.topics.items():
        found = live.topics.get(name)
        if found and found.count > topic.partitions:
            yield f"topic {name} has {found.count} partitions, {topic.partitions} declared"
    if live.denied:
        yield f"{live.denied} DENY bindings were left alone: they belong to a pause or lockdown"


def _lost(declared: Topology, live: Live, firsts: set[tuple[str, str, int]]) -> Iterator[str]:
    for group, name, partition in _unstarted(declared, live):
        if (group, name, partition) not in firsts:
            yield (
                f"group {group} has no offset on {name}/{partition}, which holds records: decide "
                f"with `stream-ops topology apply --init-group {group}`"
            )
