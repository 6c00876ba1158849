"""Everything before the first process: jars, certificates, secrets, configuration, the table.

Idempotent: what exists is kept (keys, ports, data), what is derived (configuration, settings) is
written anew. Nothing here needs a running server.
"""

import contextlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from overt_ops.devstack import bao, certs, kafka, preflight, products, seaweed, service
from overt_ops.devstack.cluster import SIZES, Cluster, nodes, port_names
from overt_ops.devstack.handouts import CLIENTS, KEEPERS, OPERATORS, Handouts
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.progress import Progress
from overt_ops.devstack.tuning import Tuning
from overt_ops.private import ensure_password, private_dir, write_private
from overt_ops.topology import Topology
from overt_schemas.errors import Permanent

_BROKERS = {node.principal for node in nodes(max(SIZES))}
_OWN_FOLDERS = frozenset({*OPERATORS, *_BROKERS, seaweed.ROOT, "bao"})
PORTS = (*port_names(1), *seaweed.PORTS, *bao.PORTS, "authority")


def prepare(
    layout: Layout,
    declared: Topology,
    tuning: Tuning,
    progress: Progress,
    *,
    new_ports: bool,
    brokers: int | None = None,
    maker: kafka.Maker | None = None,
) -> tuple[str, ...]:
    """Make a state directory ready to start; write the table of servers and return their names.

    Raises:
        Permanent: no room, a port is taken, a jar differs, or the stack has another size.
        Transient: a jar cannot be fetched.
    """
    private_dir(layout.state)
    preflight.check_disk(layout.state)
    cluster = kafka.remember(layout, brokers)
    wanted = {*PORTS, *port_names(cluster.brokers)}
    ports = preflight.remembered_ports(layout.run / "ports.json", sorted(wanted), new=new_ports)
    chosen = maker or kafka.Embedded()
    chosen.obtain(progress)
    progress.stage("writing configuration")
    _secrets(layout, cluster)
    private_dir(layout.state / "logs")
    with ThreadPoolExecutor(1) as pool:
        # Formatting takes half a second of another process; the rest is ours.
        formatting = pool.submit(chosen.prepare, layout, cluster, ports)
        seaweed.prepare(layout, declared.buckets)
        bao.prepare(layout, ports, declared.keys)
        hand_out(Handouts(layout=layout, ports=ports, tuning=tuning), declared)
        made = formatting.result()
    servers = (
        *made,
        seaweed.service(layout, ports),
        bao.service(layout, ports),
    )
    write_private(layout.run / "table.json", service.to_json(servers))
    return tuple(entry.name for entry in servers)


def _secrets(layout: Layout, cluster: Cluster) -> None:
    kafka.ensure_broker_certs(layout, cluster)
    bundle = layout.service_ca.read_bytes() + layout.device_ca.read_bytes()
    write_private(layout.client_ca, bundle)
    certs.ensure_root(layout.root_key, layout.root_pub)


def hand_out(handouts: Handouts, declared: Topology) -> None:
    """Write everybody's settings, and passwords for users whose process comes later."""
    handouts.write_authority()
    for name in products.REFINE:
        handouts.write_refine(name)
    for name in products.KEYLESS:
        handouts.write_keyless(name)
    handouts.write_sink()
    for name in KEEPERS:
        handouts.write_keeper(name, declared.tiers)
    handouts.write_connection()
    for user in declared.users:
        ensure_password(handouts.layout.principal(user) / "kafka.password")
    for name in declared.subscribers:
        handouts.write_subscriber(name)
    for name in OPERATORS:
        handouts.write_operator(name)
    for name in CLIENTS:
        handouts.write_client(name)


def known_ports(layout: Layout) -> dict[str, int]:
    """Return the ports of a prepared stack."""
    found: dict[str, int] = json.loads((layout.run / "ports.json").read_text())
    return found


def known_subscribers(layout: Layout) -> tuple[str, ...]:
    """Return the names of a stack's subscribers."""
    path = _subscribers(layout)
    if not path.exists():
        return ()
    found: object = None
    with contextlib.suppress(ValueError):
        found = json.loads(path.read_text())
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise Permanent(
            f"{path} does not hold the names of subscribers: mend or remove it",
            reason="subscribers",
        )
    return tuple(found)


def remember_subscribers(
    layout: Layout, names: Sequence[str], declared: Topology
) -> tuple[str, ...]:
    """Add names to the stack's subscribers and return all of them.

    Raises:
        Permanent: one of the names is none, or another's; nothing is remembered.
    """
    for name in names:
        # Each principal's secrets lie in a folder of its name.
        if name in _OWN_FOLDERS:
            raise Permanent(
                f"a subscriber cannot be called {name!r}: choose another name", reason="topology"
            )
    everybody = tuple(sorted({*known_subscribers(layout), *names}))
    declared.with_subscribers(everybody)
    write_private(_subscribers(layout), json.dumps(everybody))
    return everybody


def _subscribers(layout: Layout) -> Path:
    return layout.principals / "subscribers.json"
