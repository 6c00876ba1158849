"""Reading the live systems into one value that ``plan`` compares with what is declared."""

from overt_ops.topology import store
from overt_ops.topology.brokers import Brokers
from overt_ops.topology.connection import Connection
from overt_ops.topology.keyserver import Keys
from overt_ops.topology.model import Topology
from overt_ops.topology.plan import Live


def read(declared: Topology, connection: Connection) -> Live:
    """Return what is live of everything that ``declared`` speaks about, and all access there is.

    A user whose password file is gone counts as missing: nobody could log in as it.

    Raises:
        Transient: one of the systems cannot be reached.
    """
    brokers = Brokers(connection.kafka)
    access, denied = brokers.access()
    users = brokers.users()
    known = {u for u in users if u not in declared.users or connection.password_file(u).exists()}
    topics = brokers.topics()
    # Where there is no topic there is no offset, and on fresh brokers nobody yet who could tell.
    places = {
        group: [(name, p) for name in names if name in topics for p in range(topics[name].count)]
        for group, names in declared.groups.items()
    }
    with Keys(connection.keys) as keys:
        policies, roles = keys.policies(declared.keys), keys.roles(declared.keys)
    return Live(
        topics=topics,
        users=frozenset(known),
        access=access,
        denied=denied,
        offsets=brokers.offsets(places),
        buckets=store.existing(connection.store, declared.buckets.buckets),
        store_rights=store.rights(connection.store.identities),
        key_policies=policies,
        key_roles=roles,
    )
