"""Carrying out a plan, kind by kind, in the plan's order. Each kind is one call where it can be."""

from collections.abc import Callable
from itertools import groupby

from overt_ops.private import ensure_password
from overt_ops.topology import changes as kinds
from overt_ops.topology import store
from overt_ops.topology.brokers import Brokers
from overt_ops.topology.changes import Change
from overt_ops.topology.connection import Connection
from overt_ops.topology.keyserver import Keys
from overt_ops.topology.live import read
from overt_ops.topology.model import Bucketry, Topology
from overt_ops.topology.plan import Plan, plan

StoreRights = Callable[[Bucketry], None]


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
    brokers = Brokers(connection.kafka)
    for kind, batch in groupby(found.changes, type):
        _carry_out(kind, list(batch), declared, connection, brokers, set_store_rights)
    return found


def _carry_out(
    kind: type[Change],
    batch: list[Change],
    declared: Topology,
    connection: Connection,
    brokers: Brokers,
    set_store_rights: StoreRights,
) -> None:
    def password(user: str) -> str:
        return ensure_password(connection.password_file(user))

    if kind is kinds.CreateTopic:
        brokers.create_topics(c for c in batch if isinstance(c, kinds.CreateTopic))
    elif kind is kinds.CommitFirst:
        brokers.commit_firsts(c for c in batch if isinstance(c, kinds.CommitFirst))
    elif kind is kinds.CreateUser:
        brokers.create_users((c for c in batch if isinstance(c, kinds.CreateUser)), password)
    elif kind is kinds.DeleteUser:
        brokers.delete_users(c for c in batch if isinstance(c, kinds.DeleteUser))
    elif kind is kinds.Allow:
        brokers.allow(c for c in batch if isinstance(c, kinds.Allow))
    elif kind is kinds.Withdraw:
        brokers.withdraw(c for c in batch if isinstance(c, kinds.Withdraw))
    elif kind is kinds.SetKeyRole:
        with Keys(connection.keys) as keys:
            for change in batch:
                if isinstance(change, kinds.SetKeyRole):
                    keys.set_role(declared.keys, change.role)
    else:
        for change in batch:
            _one(change, declared, connection, brokers, set_store_rights)


def _one(
    change: Change,
    declared: Topology,
    connection: Connection,
    brokers: Brokers,
    set_store_rights: StoreRights,
) -> None:
    match change:
        case kinds.AddPartitions():
            brokers.add_partitions(change)
        case kinds.SetConfig():
            brokers.set_config(change)
        case kinds.CreateBucket():
            store.create(connection.store, change.bucket)
        case kinds.SetStoreRights():
            set_store_rights(declared.buckets)
        case _:
            raise TypeError(f"no way to carry out {type(change).__name__}")
