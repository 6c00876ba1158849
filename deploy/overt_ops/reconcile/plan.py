"""From the grants and what the brokers hold to what has to change. Pure.

A grant in force has a feed with exactly three rights: its subscriber reads, the feed app writes,
and we, who made it, may delete it. A grant that is known and not in force has nothing. Order is
safety: rights go before a topic goes, and our own right to delete is first in and last out, so
whatever a crash leaves behind is seen, and finished, by the next look.

Left alone: every topic that is no feed, every right on anything else, every DENY. A feed that
belongs to no known grant loses its rights and keeps its records, which expire within a day:
deleting data that nothing explains is a person's decision.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from overt_ops.topology.changes import Allow, CreateTopic, Withdraw
from overt_ops.topology.model import Binding, Operation, Resource, Topic, Topology
from overt_schemas import feed
from overt_schemas.errors import Malformed, Permanent
from overt_schemas.records import Grant
from overt_schemas.topics import PART

ACTIVE = "active"
APPROVERS = 2
# Retention takes whole segments. One that is open for a week would keep its first record so long.
_SEGMENT_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTopic:
    """Delete a feed."""

    topic: str

    def __str__(self) -> str:
        return f"delete feed {self.topic}"


Change = Withdraw | Allow | DeleteTopic | CreateTopic


def feed_of(change: Change) -> str:
    """Return the topic that a change is about."""
    match change:
        case Withdraw() | Allow():
            return change.binding.name
        case CreateTopic():
            return change.topic.name
        case DeleteTopic():
            return change.topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the deployment says: its names, its defaults, who writes feeds and who makes them."""

    declared: Topology
    writer: str = "feed"
    own: str = "reconcile"

    def may_read(self, subscriber: str) -> bool:
        """Whether that is a name a subscriber can have: ``*`` would be everybody."""
        try:
            self.declared.with_subscribers([subscriber])
        except Permanent:
            return False
        return True

    def topic(self, name: str) -> Topic:
        """Return a feed as it is made: a day of parts, under the limits of where they are."""
        like = self.declared.topics[PART]
        own = {
            "cleanup.policy": "delete",
            "retention.ms": str(feed.RETENTION_MS),
            "segment.ms": str(_SEGMENT_MS),
        }
        return Topic(
            name=name,
            partitions=feed.PARTITIONS,
            replication=like.replication,
            config={**like.config, **own},
        )

    def rights(self, name: str, grant: Grant) -> frozenset[Binding]:
        """Return all rights on a grant's feed; each of them implies DESCRIBE."""
        return frozenset(
            {
                _binding(grant.subscriber, name, Operation.READ),
                _binding(self.writer, name, Operation.WRITE),
                self.deleting(name),
            }
        )

    def deleting(self, name: str) -> Binding:
        """Return our own right: to delete this feed, and so to see it."""
        return _binding(self.own, name, Operation.DELETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes in the order in which they are safe, and what was left alone."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def plan(
    grants: Mapping[str, Grant],
    topics: frozenset[str],
    access: frozenset[Binding],
    now_ms: int,
    rules: Rules,
) -> Plan:
    """Return what it takes for feeds to be those of the grants in force.

    ``topics`` and ``access`` may hold everything there is; only feeds are looked at. Carried out in
    full, the next plan is empty.
    """
    live = {b for b in access if _is_about_feeds(b)}
    feeds = {name for name in topics if feed.grant_of(name) is not None}
    wanted = {name: g for name, g in _topics(grants.values()) if _gives(g, now_ms, rules)}
    known = {name for name, _ in _topics(grants.values())}
    over = (feeds | {b.name for b in live}) & (known - wanted.keys())
    unknown = feeds - known
    rights = {b for name, grant in wanted.items() for b in rules.rights(name, grant)}
    own = {rules.deleting(name) for name in over | wanted.keys()}
    kept = rights | own | {rules.deleting(name) for name in unknown}
    changes: Iterator[Change] = itertools.chain(
        (Withdraw(binding=b) for b in sorted(live - kept)),
        (Allow(binding=b) for b in sorted(own - live)),
        (DeleteTopic(topic=name) for name in sorted(over)),
        (Withdraw(binding=rules.deleting(name)) for name in sorted(over)),
        (CreateTopic(topic=rules.topic(name)) for name in sorted(wanted.keys() - feeds)),
        (Allow(binding=b) for b in sorted(rights - own - live)),
    )
    notes = [*_nameless(grants.values(), now_ms, rules), *(_strange(n) for n in sorted(unknown))]
    return Plan(changes=tuple(changes), notes=tuple(notes))


def is_in_force(grant: Grant, now_ms: int) -> bool:
    """Whether a grant gives its subscriber anything now; the authority's rule."""
    return _is_good(grant) and grant.not_before_ms <= now_ms < grant.not_after_ms


def next_ms(grants: Iterable[Grant], now_ms: int) -> int | None:
    """Return the next moment at which the clock alone changes what is in force."""
    times = (t for g in grants if _is_good(g) for t in (g.not_before_ms, g.not_after_ms))
    return min((t for t in times if t > now_ms), default=None)


def _is_good(grant: Grant) -> bool:
    return grant.state == ACTIVE and len(set(grant.approvers) - {grant.subscriber}) >= APPROVERS


def _gives(grant: Grant, now_ms: int, rules: Rules) -> bool:
    return is_in_force(grant, now_ms) and rules.may_read(grant.subscriber)


def _topics(grants: Iterable[Grant]) -> Iterator[tuple[str, Grant]]:
    for grant in grants:
        name = _topic(grant)
        if name is not None:
            yield name, grant


def _topic(grant: Grant) -> str | None:
    try:
        return feed.topic_of(grant.grant)
    except Malformed:
        return None


def _is_about_feeds(binding: Binding) -> bool:
    # A prefix too, and a name that is none: the topology leaves all of these names to us.
    return binding.resource.endswith(Resource.TOPIC.value) and binding.name.startswith(feed.PREFIX)


def _binding(principal: str, name: str, operation: Operation) -> Binding:
    return Binding(
        principal=principal,
        resource=Resource.TOPIC.value,
        name=name,
        operation=operation.value,
    )


def _nameless(grants: Iterable[Grant], now_ms: int, rules: Rules) -> Iterator[str]:
    for grant in grants:
        if not is_in_force(grant, now_ms):
            continue
        if _topic(grant) is None:
            yield "a grant in force has no feed: its id can be no topic's name"
        elif not rules.may_read(grant.subscriber):
            yield (
                f"grant {grant.grant} has no feed: its subscriber has a name that no subscriber "
                "can have; ask for another grant, and end this one"
            )


def _strange(name: str) -> str:
    return (
        f"feed {name} belongs to no grant that is known: nobody has a right on it, and its records "
        "expire within a day; delete it by hand"
    )
