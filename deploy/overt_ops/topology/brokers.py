"""The brokers' side of a topology: what is there, and the calls that change it.

Every call waits for the controller's answer (``patience.py``); an answer that is an error raises.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from overt_ops.topology.changes import (
    AddPartitions,
    Allow,
    CommitFirst,
    CreateTopic,
    CreateUser,
    DeleteUser,
    SetConfig,
    Withdraw,
)
from overt_ops.topology.model import Binding
from overt_ops.topology.patience import TIMEOUT_S, patiently, results, translated
from overt_ops.topology.plan import LiveTopic

# Passwords are 32 random bytes: stretching guards weak ones only, and costs at every connection.
_ITERATIONS = 8192
_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,  # librdkafka's name for it
}
_NAMES = {kind: name for name, kind in _RESOURCES.items()}
_OPERATIONS = {
    "read": AclOperation.READ,
    "write": AclOperation.WRITE,
    "describe": AclOperation.DESCRIBE,
    "create": AclOperation.CREATE,
    "alter": AclOperation.ALTER,
    "delete": AclOperation.DELETE,
}


class Brokers:
    """A connection as the reconciler's principal."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        self._admin = AdminClient(self._config)

    # ---- what is there

    def topics(self) -> dict[str, LiveTopic]:
        """Return all topics but Kafka's own, with what was set on them and their ends."""
        try:
            listed = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as exc:
            raise translated(exc) from exc
        names = sorted(name for name in listed if not name.startswith("__"))
        if not names:
            return {}
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        configs = results(lambda: self._admin.describe_configs(resources).values())
        places = [
            TopicPartition(name, p) for name in names for p in sorted(listed[name].partitions)
        ]
        ends = self._offsets(places, OffsetSpec.latest())
        return {
            name: LiveTopic(
                config={
                    key: str(entry.value)
                    for key, entry in config.items()
                    if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
                },
                ends=tuple(end for (topic, _), end in ends.items() if topic == name),
            )
            for name, config in zip(names, configs, strict=True)
        }

    def _offsets(
        self, places: list[TopicPartition], spec: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        wanted = dict.fromkeys(places, spec)
        level = IsolationLevel.READ_UNCOMMITTED
        ends = results(lambda: self._admin.list_offsets(wanted, isolation_level=level).values())
        found = zip(wanted, ends, strict=True)
        return {(place.topic, place.partition): result.offset for place, result in found}

    def users(self) -> frozenset[str]:
        """Return every user with a SCRAM password."""
        (found,) = results(lambda: [self._admin.describe_user_scram_credentials()])
        return frozenset(found)

    def access(self) -> tuple[frozenset[Binding], int]:
        """Return all ALLOW bindings on topics and groups, and the number of DENY bindings.

        A binding that the product would never make (a prefix, another operation) is returned too,
        in words, so that it is withdrawn as undeclared.
        """
        anything = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None,
            AclOperation.ANY, AclPermissionType.ANY,
        )  # fmt: skip
        (found,) = results(lambda: [self._admin.describe_acls(anything)])
        allowed = frozenset(
            _binding(acl) for acl in found if acl.permission_type == AclPermissionType.ALLOW
        )
        return allowed, sum(acl.permission_type == AclPermissionType.DENY for acl in found)

    def offsets(
        self, groups: Mapping[str, Sequence[tuple[str, int]]]
    ) -> dict[tuple[str, str, int], int]:
        """Return what each group has committed in the partitions asked for."""
        return {
            (group, place.topic, place.partition): place.offset
            for group, places in groups.items()
            if places
            for place in self._committed(group, places)
            if place.offset >= 0
        }

    def _committed(self, group: str, places: Sequence[tuple[str, int]]) -> list[TopicPartition]:
        asked = [TopicPartition(topic, partition) for topic, partition in places]
        with self._member(group) as consumer:
            found: list[TopicPartition] = patiently(
                lambda: consumer.committed(asked, timeout=TIMEOUT_S)
            )
        return found

    @contextlib.contextmanager
    def _member(self, group: str) -> Iterator[Consumer]:
        # A consumer that never joins its group, because librdkafka 2.16's admin call for group
        # offsets crashes the process when a coordinator is still loading (seen on fresh brokers).
        consumer = Consumer(self._config | {"group.id": group, "enable.auto.commit": False})
        try:
            yield consumer
        finally:
            consumer.close()

    # ---- what changes it

    def create_topics(self, changes: Iterable[CreateTopic]) -> None:
        """Make topics; replicas as declared, or as many as there are brokers."""
        brokers = len(self._admin.list_topics(timeout=TIMEOUT_S).brokers)
        new = [
            NewTopic(
                change.topic.name,
                num_partitions=change.topic.partitions,
                replication_factor=min(change.topic.replication, brokers),
                config=dict(change.topic.config),
            )
            for change in changes
        ]
        if new:
            results(lambda: self._admin.create_topics(new).values())

    def add_partitions(self, change: AddPartitions) -> None:
        """Extend a topic."""
        new = [NewPartitions(change.topic, change.partitions)]
        results(lambda: self._admin.create_partitions(new).values())

    def set_config(self, change: SetConfig) -> None:
        """Set or unset one setting of a topic."""
        operation = AlterConfigOpType.SET if change.value is not None else AlterConfigOpType.DELETE
        entry = ConfigEntry(change.key, change.value, incremental_operation=operation)
        resource = ConfigResource(
            ConfigResource.Type.TOPIC, change.topic, incremental_configs=[entry]
        )
        results(lambda: self._admin.incremental_alter_configs([resource]).values())

    def commit_firsts(self, changes: Iterable[CommitFirst]) -> None:
        """Commit first offsets; the groups must be empty."""
        wanted: dict[str, list[TopicPartition]] = {}
        for change in changes:
            place = TopicPartition(change.topic, change.partition)
            wanted.setdefault(change.group, []).append(place)
        for group, places in wanted.items():
            self._commit_first(group, places)

    def _commit_first(self, group: str, places: list[TopicPartition]) -> None:
        firsts = self._offsets(places, OffsetSpec.earliest())
        offsets = [TopicPartition(t, p, offset) for (t, p), offset in firsts.items()]
        with self._member(group) as consumer:
            done = patiently(lambda: consumer.commit(offsets=offsets, asynchronous=False))
        for place in done or ():
            if place.error:
                raise translated(KafkaException(place.error))

    def create_users(self, changes: Iterable[CreateUser], password: Callable[[str], str]) -> None:
        """Give users their passwords."""
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        self._alter_users(
            UserScramCredentialUpsertion(c.user, mechanism, password(c.user).encode())
            for c in changes
        )

    def delete_users(self, changes: Iterable[DeleteUser]) -> None:
        """Take users' passwords away; open sessions end at the next re-authentication."""
        self._alter_users(
            UserScramCredentialDeletion(c.user, ScramMechanism.SCRAM_SHA_512) for c in changes
        )

    def _alter_users(self, alterations: Iterable[Any]) -> None:
        listed = list(alterations)
        if listed:
            results(lambda: self._admin.alter_user_scram_credentials(listed).values())

    def allow(self, changes: Iterable[Allow]) -> None:
        """Add rights."""
        acls = [acl_of(change.binding) for change in changes]
        if acls:
            results(lambda: self._admin.create_acls(acls).values())

    def withdraw(self, changes: Iterable[Withdraw]) -> None:
        """Remove rights; in force within the call."""
        filters = [filter_of(change.binding) for change in changes]
        if filters:
            results(lambda: self._admin.delete_acls(filters).values())


def acl_of(binding: Binding) -> AclBinding:
    """Return the right as the client speaks of it."""
    return AclBinding(
        _RESOURCES[binding.resource], binding.name, ResourcePatternType.LITERAL,
        f"User:{binding.principal}", "*", _OPERATIONS[binding.operation], AclPermissionType.ALLOW,
    )  # fmt: skip


def _binding(acl: AclBinding) -> Binding:
    resource = _NAMES.get(acl.restype, acl.restype.name.lower())
    operation = acl.operation.name.lower()
    if acl.resource_pattern_type != ResourcePatternType.LITERAL:
        resource = f"{acl.resource_pattern_type.name.lower()}:{resource}"
    principal = acl.principal.removeprefix("User:")
    return Binding(principal=principal, resource=resource, name=acl.name, operation=operation)


def filter_of(binding: Binding) -> AclBindingFilter:
    """Return what finds this right and no other."""
    pattern, _, resource = binding.resource.rpartition(":")
    return AclBindingFilter(
        _RESOURCES[resource] if resource in _RESOURCES else ResourceType[resource.upper()],
        binding.name,
        ResourcePatternType[pattern.upper()] if pattern else ResourcePatternType.LITERAL,
        f"User:{binding.principal}",
        None,
        AclOperation[binding.operation.upper()],
        AclPermissionType.ALLOW,
    )
