"""Which brokers a stack has, what each is called and what it is configured with. Pure.

A stack has one broker, ``kafka``, or three, ``kafka-1`` to ``kafka-3``: combined KRaft nodes that
hold a replica of everything each, so that any one may die. All have the same doors:

| listener | who comes in | as whom |
|---|---|---|
| INTERNAL, CONTROLLER | the brokers, and who applies the topology: mTLS | User:broker-N |
| SCRAMTLS | services and subscribers: TLS, then SCRAM-SHA-512 | User:<name> |
| MTLS | endpoints: mTLS, device CA | User:endpoint.<group> |

Only brokers' certificates are super users. A certificate that no mapping rule knows becomes
``User:nobody``, which has no right at all.

Ports are remembered by the names of the first broker's doors (``kafka_scram``); those of the others
end in their number (``kafka_scram_2``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from overt_ops.devstack.layout import Layout
from overt_ops.devstack.preflight import LOOPBACK
from overt_schemas.errors import Permanent

# Two brokers cannot lose one and go on: the quorum of two is two.
SIZES = (1, 3)
INTERNAL, CONTROLLER, SCRAM, MTLS = DOORS = (
    "kafka_internal",
    "kafka_controller",
    "kafka_scram",
    "kafka_mtls",
)
_ENDPOINT_RULES = (
    "RULE:^CN=[A-Za-z0-9-]+,OU=([A-Za-z0-9-]+),O=endpoint$/endpoint.$1/,RULE:^.*$/nobody/"
)
_BROKER_RULES = "RULE:^CN=(broker-[0-9]+),O=broker$/$1/,RULE:^.*$/nobody/"
_JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
# Small buffers and few threads: a development node. The cleaner's default buffer alone is 128 MiB.
_SMALL = {
    "log.cleaner.dedupe.buffer.size": 4_194_304,
    "log.cleaner.io.buffer.size": 131_072,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "socket.request.max.bytes": 16_777_216,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
}
_PRODUCT = {
    "auto.create.topics.enable": "false",
    "connections.max.reauth.ms": 10_000,
    "message.max.bytes": 1_048_576,
    "max.decompressed.message.bytes": 8_388_608,
    "log.message.timestamp.type": "LogAppendTime",
    # A stack that rested for a fortnight must not come back without its groups' offsets: content
    # consumers refuse to guess where to start.
    "offsets.retention.minutes": 525_600,
}
# A dead broker is missed after 3 s instead of 9: that is how long its partitions stand still.
_SEVERAL = {
    "unclean.leader.election.enable": "false",
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One broker of ``brokers``."""

    number: int
    brokers: int

    @property
    def name(self) -> str:
        """What ``status`` calls it, and by which it is stopped, killed and started."""
        return "kafka" if self.brokers == 1 else f"kafka-{self.number}"

    @property
    def principal(self) -> str:
        """Whose certificate it serves with, and the name brokers know each other by."""
        return f"broker-{self.number}"

    def port(self, door: str) -> str:
        """Return under which name one of its ports is remembered."""
        return door if self.number == 1 else f"{door}_{self.number}"

    def folder(self, layout: Layout) -> Path:
        """Return where its configuration lies, and its data."""
        kafka = layout.state / "kafka"
        return kafka if self.brokers == 1 else kafka / self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The brokers of a stack; ``id`` is what Kafka writes into every log directory."""

    id: str
    brokers: int

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All of them, in the order of their numbers."""
        return nodes(self.brokers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a broker finds its files; in a container that is elsewhere than on this machine."""

    data: Path
    keystore: Path
    service_ca: Path
    device_ca: Path


def nodes(brokers: int) -> tuple[Node, ...]:
    """Return the nodes of a cluster of that size.

    Raises:
        Permanent: there is no such size.
    """
    if brokers not in SIZES:
        raise Permanent(f"{brokers} brokers: a stack has one or three", reason="brokers")
    return tuple(Node(number=n, brokers=brokers) for n in range(1, brokers + 1))


def port_names(brokers: int) -> tuple[str, ...]:
    """Return the names of all ports of a cluster of that size."""
    return tuple(node.port(door) for node in nodes(brokers) for door in DOORS)


def known_nodes(ports: Mapping[str, int]) -> tuple[Node, ...]:
    """Return the nodes to which a stack's ports belong."""
    largest = nodes(max(SIZES))
    return nodes(sum(node.port(INTERNAL) in ports for node in largest))


def bootstrap(ports: Mapping[str, int], door: str) -> str:
    """Return one door of all brokers, as clients want it."""
    return ",".join(f"{LOOPBACK}:{ports[node.port(door)]}" for node in known_nodes(ports))


def places(layout: Layout, node: Node) -> Places:
    """Return where a broker on this machine finds its files."""
    return Places(
        data=node.folder(layout) / "data",
        keystore=layout.principal(node.principal) / "keystore.pem",
        service_ca=layout.service_ca,
        device_ca=layout.device_ca,
    )


def properties(at: Places, node: Node, ports: Mapping[str, int], bind: str = LOOPBACK) -> str:
    """Return ``server.properties`` of a node.

    ``bind`` is the address it listens on; clients are told the loopback address in any case.
    """
    doors = {
        "INTERNAL": ports[node.port(INTERNAL)],
        "SCRAMTLS": ports[node.port(SCRAM)],
        "MTLS": ports[node.port(MTLS)],
        "CONTROLLER": ports[node.port(CONTROLLER)],
    }
    scram = "listener.name.scramtls"
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "listeners": _addresses(bind, doors),
        "advertised.listeners": _addresses(LOOPBACK, doors),
        "listener.security.protocol.map": "INTERNAL:SSL,CONTROLLER:SSL,SCRAMTLS:SASL_SSL,MTLS:SSL",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "log.dirs": at.data,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": at.keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": at.service_ca,
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.client.auth": "none",
        "ssl.principal.mapping.rules": _BROKER_RULES,
        "listener.name.internal.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.mtls.ssl.truststore.type": "PEM",
        "listener.name.mtls.ssl.truststore.location": at.device_ca,
        "listener.name.mtls.ssl.principal.mapping.rules": _ENDPOINT_RULES,
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{scram}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{scram}.scram-sha-512.sasl.jaas.config": _JAAS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{peer.principal}" for peer in nodes(node.brokers)),
        "allow.everyone.if.no.acl.found": "false",
        **_PRODUCT,
        **_SMALL,
        **_quorum(node, ports),
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _addresses(host: str, doors: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{host}:{port}" for name, port in doors.items())


def _quorum(node: Node, ports: Mapping[str, int]) -> dict[str, object]:
    peers = nodes(node.brokers)
    doors = {peer.number: f"{LOOPBACK}:{ports[peer.port(CONTROLLER)]}" for peer in peers}
    in_sync = 1 if node.brokers == 1 else 2
    replicated: dict[str, object] = {
        "default.replication.factor": node.brokers,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": node.brokers,
        "transaction.state.log.replication.factor": node.brokers,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": node.brokers,
        "share.coordinator.state.topic.min.isr": in_sync,
    }
    if node.brokers == 1:
        return replicated | {"controller.quorum.bootstrap.servers": doors[1]}
    # Named here and not in the log: brokers that remember each other's old ports would never meet
    # again after `--new-ports`.
    voters = ",".join(f"{number}@{door}" for number, door in doors.items())
    return replicated | _SEVERAL | {"controller.quorum.voters": voters}
