"""The brokers' side: what feeds and rights there are, and the calls that change them. SHELL.

Changes of one kind are one call, and each has its own answer: a feed that the brokers refuse holds
up no other. What was done already counts as done.
"""

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from overt_ops.reconcile.plan import Change, DeleteTopic, feed_of
from overt_ops.topology.brokers import Brokers, acl_of, filter_of
from overt_ops.topology.changes import Allow, CreateTopic, Withdraw
from overt_ops.topology.model import Binding
from overt_ops.topology.patience import translated
from overt_schemas import client

K = TypeVar("K", bound=Hashable)
_TIMEOUT_S = 20.0
_DONE = frozenset({KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.UNKNOWN_TOPIC_OR_PART})
Failed = dict[str, tuple[str, str]]  # topic -> kind of change, name of the error


class Hands:
    """A connection as the reconciler's principal."""

    def __init__(self, connection: client.Config) -> None:
        self._admin = AdminClient(connection)
        self._brokers = Brokers(connection)
        self._count = 1

    def seen(self) -> tuple[frozenset[str], frozenset[Binding]]:
        """Return the topics that we may see, and all rights there are.

        Raises:
            Transient: the brokers do not answer.
            Permanent: they refuse.
        """
        try:
            listed = self._admin.list_topics(timeout=_TIMEOUT_S)
        except KafkaException as exc:
            raise translated(exc) from exc
        self._count = len(listed.brokers)
        return frozenset(listed.topics), self._brokers.access()[0]

    def carry_out(self, changes: Sequence[Change]) -> Failed:
        """Make the changes in their order; a feed that fails once is left until the next look."""
        failed: Failed = {}
        for kind, same in itertools.groupby(changes, key=type):
            todo = [change for change in same if feed_of(change) not in failed]
            for topic, error in self._call(kind, todo).items():
                failed[topic] = (kind.__name__, error)
        return failed

    def _call(self, kind: type[Change], todo: Sequence[Change]) -> dict[str, str]:
        if not todo:
            return {}
        admin = self._admin
        if kind is Withdraw:
            filters = {filter_of(c.binding): feed_of(c) for c in todo if isinstance(c, Withdraw)}
            return _failures(admin.delete_acls(list(filters)), filters)
        if kind is Allow:
            acls = {acl_of(c.binding): feed_of(c) for c in todo if isinstance(c, Allow)}
            return _failures(admin.create_acls(list(acls)), acls)
        names = {feed_of(change): feed_of(change) for change in todo}
        if kind is DeleteTopic:
            return _failures(admin.delete_topics(list(names)), names)
        return _failures(admin.create_topics(self._new(todo)), names)

    def _new(self, todo: Iterable[Change]) -> list[NewTopic]:
        return [
            NewTopic(
                change.topic.name,
                num_partitions=change.topic.partitions,
                replication_factor=min(change.topic.replication, self._count),
                config=dict(change.topic.config),
            )
            for change in todo
            if isinstance(change, CreateTopic)
        ]


def _failures(answers: Mapping[K, "Future[Any]"], topics: Mapping[K, str]) -> dict[str, str]:
    failed = {}
    for key, future in answers.items():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as exc:
            if exc.args[0].code() not in _DONE:
                failed[topics[key]] = str(exc.args[0].name())
        except TimeoutError:
            failed[topics[key]] = "_TIMED_OUT"
    return failed
