"""The declared world: topics, principals, access, groups, buckets, key policies, tiers. Pure.

The YAML files in ``deploy/topology`` are data, reviewed like code. ``parse`` turns them into frozen
values and refuses what could only be a mistake or an attempt: a wildcard or prefix, a right on an
unknown topic, a right of an unknown principal, an unknown key in a file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from overt_ops.topology.buckets import Bucketry, parse_buckets
from overt_ops.topology.strict import known_keys, require
from overt_ops.topology.tiers import Tiering, parse_tiers
from overt_schemas.errors import Permanent

FILES = ("topics", "principals", "access", "groups", "buckets", "keys", "tiers")
AUDIENCE = "openbao"  # what a token for the key server is made out to
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
# What certificates are turned into, at other doors of the brokers: a password for one of these
# names would make a person the super user, a device class, or whoever has an unknown certificate.
_FROM_CERTIFICATES = re.compile(r"broker-\d+|nobody|endpoint\..*")
_KEEP = re.compile(r"(\d+)(h|d)")
_LOOKING = frozenset({"describe", "describe_groups"})
_CLUSTER, _ON_CLUSTER = "kafka-cluster", frozenset({"create", "alter", "describe"})
_UNIT_MS = {"h": 3_600_000, "d": 86_400_000}
# What a topic may set beside the defaults, and Kafka's name for it.
_OWN = {"largest": "max.message.bytes", "compression": "compression.type"}
_CAPABILITIES = frozenset({"create", "read", "update", "delete", "list", "deny"})


class Resource(Enum):
    """What a right is about."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"


class Operation(Enum):
    """The operations the product hands out."""

    READ = "read"
    WRITE = "write"
    DESCRIBE = "describe"
    # What it takes to make feeds and to take them away.
    CREATE = "create"
    ALTER = "alter"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Binding:
    """One literal ALLOW: ``principal`` (without ``User:``) may do ``operation`` on ``name``."""

    principal: str
    resource: str
    name: str
    operation: str

    def __str__(self) -> str:
        return f"{self.principal} {self.operation} {self.resource} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as declared; ``config`` holds Kafka's own names and values as text."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """For each role of the key server the paths and capabilities of its policy."""

    policies: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def roles(self) -> tuple[str, ...]:
        """Everybody who may log in."""
        return tuple(self.policies)

    @staticmethod
    def mount_of(role: str) -> str:
        """Return the login's mount: each knows one public key, so nobody signs for another."""
        return "jwt" if role == "authority" else f"jwt-{role}"

    def policy(self, role: str) -> str:
        """Return a role's policy as the key server stores it."""
        lines = []
        for path, capabilities in self.policies[role].items():
            listed = ", ".join(f'"{capability}"' for capability in capabilities)
            lines.append(f'path "{path}" {{ capabilities = [{listed}] }}')
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """All that is declared."""

    topics: Mapping[str, Topic]
    services: tuple[str, ...]
    classes: tuple[str, ...]
    access: frozenset[Binding]
    groups: Mapping[str, tuple[str, ...]]
    buckets: Bucketry
    keys: Keyring
    tiers: Tiering
    subscribers: tuple[str, ...] = ()

    @property
    def users(self) -> tuple[str, ...]:
        """Everybody with a SCRAM password."""
        return (*self.services, *self.subscribers)

    def with_subscribers(self, names: Iterable[str]) -> "Topology":
        """Return the topology with these subscribers: known users that have no right yet."""
        added = tuple(sorted(set(names)))
        for name in added:
            if not _NAME.fullmatch(name) or self._is_taken(name):
                raise Permanent(
                    f"a subscriber cannot be called {name!r}: choose another lower-case name",
                    reason="topology",
                )
        return replace(self, subscribers=added)

    def _is_taken(self, name: str) -> bool:
        others = {*self.services, *self.classes, *self.buckets.identities, *self.keys.roles}
        return name in others or _FROM_CERTIFICATES.fullmatch(name) is not None


def parse(documents: Mapping[str, Any]) -> Topology:
    """Return the topology that the seven documents (by file name, see ``FILES``) declare.

    Raises:
        Permanent: something in them is unknown, missing or too wide; the message names it.
    """
    missing = [name for name in FILES if name not in documents]
    require(not missing, f"missing files: {', '.join(missing)}")
    try:
        return _parse(documents)
    except (TypeError, KeyError, AttributeError, ValueError) as exc:
        # A table where a list belongs, a number for a name, an empty file.
        raise Permanent(
            f"topology: an entry is not of its form ({type(exc).__name__}: {exc}): "
            "mend deploy/topology",
            reason="topology",
        ) from exc


def _parse(documents: Mapping[str, Any]) -> Topology:
    topics = _topics(documents["topics"])
    principals = documents["principals"]
    known_keys("principals", principals, {"services", "classes"})
    services, classes = tuple(principals["services"]), tuple(principals["classes"])
    for name in (*topics, *services, *classes, *documents["groups"]):
        require(_NAME.fullmatch(name) is not None, f"{name!r} is not a literal name")
    for name in services:
        taken = _FROM_CERTIFICATES.fullmatch(name) is not None
        require(not taken, f"{name!r} is a certificate's name, and no user's")
    for name in classes:
        require(name.startswith("endpoint."), f"{name!r} is not a class of endpoints")
    groups = {group: tuple(names) for group, names in documents["groups"].items()}
    for group, names in groups.items():
        unknown = set(names) - set(topics)
        require(not unknown, f"group {group} reads unknown topics {sorted(unknown)}")
    return Topology(
        topics=topics,
        services=services,
        classes=classes,
        access=_access(documents["access"], set(topics), {*services, *classes}, set(groups)),
        groups=groups,
        buckets=parse_buckets(documents["buckets"]),
        keys=_keyring(documents["keys"]),
        tiers=parse_tiers(documents["tiers"]),
    )


def _topics(document: Mapping[str, Any]) -> dict[str, Topic]:
    known_keys("topics", document, {"defaults", "topics"})
    defaults = document["defaults"]
    topics = {}
    for name, entry in document["topics"].items():
        known_keys(name, entry, {"partitions", "keep", *_OWN})
        config = {key: str(value) for key, value in defaults["config"].items()}
        config |= {_OWN[key]: str(value) for key, value in entry.items() if key in _OWN}
        topics[name] = Topic(
            name=name,
            partitions=int(entry["partitions"]),
            replication=int(defaults["replication"]),
            config=config | _retention(name, str(entry["keep"])),
        )
    return topics


def _retention(name: str, keep: str) -> dict[str, str]:
    if keep == "compact":
        return {"cleanup.policy": "compact"}
    match = _KEEP.fullmatch(keep)
    require(match is not None, f"{name} keeps {keep!r}, not hours, days or compact")
    assert match is not None  # noqa: S101 (for the type checker)
    retention = int(match[1]) * _UNIT_MS[match[2]]
    return {"cleanup.policy": "delete", "retention.ms": str(retention)}


def _access(
    entries: Iterable[Mapping[str, Any]], topics: set[str], principals: set[str], groups: set[str]
) -> frozenset[Binding]:
    found = set()
    for entry in entries:
        known_keys("access", entry, {"principals", "read", "write", "groups", "cluster", *_LOOKING})
        wanted = [
            (Resource.TOPIC, Operation.READ, entry.get("read", ()), topics),
            (Resource.TOPIC, Operation.WRITE, entry.get("write", ()), topics),
            (Resource.TOPIC, Operation.DESCRIBE, entry.get("describe", ()), topics),
            (Resource.GROUP, Operation.READ, entry.get("groups", ()), groups),
            (Resource.GROUP, Operation.DESCRIBE, entry.get("describe_groups", ()), groups),
        ]
        for principal in entry["principals"]:
            require(principal in principals, f"access of unknown principal {principal!r}")
            for resource, operation, names, known in wanted:
                for name in names:
                    require(name in known, f"access to unknown {resource.value} {name!r}")
                    found.add(_binding(principal, resource, name, operation))
            for word in entry.get("cluster", ()):
                require(word in _ON_CLUSTER, f"nobody may {word!r} the cluster")
                found.add(_binding(principal, Resource.CLUSTER, _CLUSTER, Operation(word)))
    return frozenset(found)


def _binding(who: str, resource: Resource, name: str, operation: Operation) -> Binding:
    return Binding(principal=who, resource=resource.value, name=name, operation=operation.value)


def _keyring(document: Mapping[str, Mapping[str, Iterable[str]]]) -> Keyring:
    policies = {}
    for role, paths in document.items():
        for path, capabilities in paths.items():
            unknown = set(capabilities) - _CAPABILITIES
            require(not unknown, f"unknown capabilities {sorted(unknown)} of {role}")
            require(path.startswith("transit/"), f"{role} reaches {path!r}, outside transit/")
        policies[role] = {path: tuple(capabilities) for path, capabilities in paths.items()}
    return Keyring(policies=policies)
