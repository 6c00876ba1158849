"""Carrying out a plan. Each kind of change is one call where it can be."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from overt_ops.private import ensure_password
from overt_ops.topology import store
from overt_ops.topology.brokers import Brokers
from overt_ops.topology.buckets import Bucketry
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
from overt_ops.topology.connection import Connection
from overt_ops.topology.keyserver import Keys
from overt_ops.topology.live import read
from overt_ops.topology.model import Topology
from overt_ops.topology.plan import Plan, plan

StoreRights = Callable[[Bucketry], None]
C = TypeVar("C", bound=Change)


def apply(
    declared: Topology,
    connection: Connection,
    *,
    set_store_rights: StoreRights,
    initialise: frozenset[str] = frozenset(),
) -> Plan:
    """Make the live systems what is declared; return what was changed and what was left alone.

    ``set_store_rights`` writes the identities' file and makes the store read it: only whoever
    runs the store can do that.

    Raises:
        Transient: a system cannot be reached; what was done stays done, apply again.
        Permanent: a system refuses a change.
    """
    found = plan(declared, read(declared, connection), initialise)
    _at_brokers(found.changes, connection)
    for bucket in _of(CreateBucket, found.changes):
        store.create(connection.store, bucket.bucket)
    if _of(SetStoreRights, found.changes):
        set_store_rights(declared.buckets)
    if roles := _of(SetKeyRole, found.changes):
        with Keys(connection.keys) as keys:
            for role in roles:
                keys.set_role(declared.keys, role.role)
    return found


def _at_brokers(changes: Sequence[Change], connection: Connection) -> None:
    """Carry out the brokers' part in the plan's order: take away, make, then give."""
    brokers = Brokers(connection.kafka)
    brokers.withdraw(_of(Withdraw, changes))
    brokers.delete_users(_of(DeleteUser, changes))
    brokers.create_topics(_of(CreateTopic, changes))
    for more in _of(AddPartitions, changes):
        brokers.add_partitions(more)
    for setting in _of(SetConfig, changes):
        brokers.set_config(setting)
    brokers.commit_firsts(_of(CommitFirst, changes))
    brokers.create_users(
        _of(CreateUser, changes), lambda user: ensure_password(connection.password_file(user))
    )
    brokers.allow(_of(Allow, changes))


def _of(kind: type[C], changes: Sequence[Change]) -> list[C]:
    return [change for change in changes if isinstance(change, kind)]
