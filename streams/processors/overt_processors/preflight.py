"""Before a worker starts: are the group's offsets where records still are?

| committed | then |
|---|---|
| at or ahead of the log's start | start |
| none | exit 5, with the command that decides; a consumer of content never guesses |
| behind it: records expired unread | notice, commit the log's start, start |

A notice is signed and stands on overt.part.v1, one for each partition with a hole. Parts that
expired unread (feed, session) leave none: no content went with them, it is in the store.

The notice comes first: if the commit fails, the same notice is written again, which a reader counts
as a repeat; the other way round the hole would be unexplained for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from overt_processors import telemetry
from overt_schemas import client, codec
from overt_schemas.envelope.marks import NoticeMark, seal_mark
from overt_schemas.errors import Permanent, Transient
from overt_schemas.ids import day_of
from overt_schemas.signing import SigningKey
from overt_schemas.topics import CATALOGUE, PART

_TIMEOUT_S = 10.0
_FLUSH_S = 3.0  # librdkafka cannot be interrupted here, and a stop takes five seconds at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """Raw records [from_offset, to_offset) of a partition that nobody read."""

    partition: int
    from_offset: int
    to_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look at the group found."""

    undecided: tuple[int, ...]
    expired: tuple[Expired, ...]


def judge(committed: Mapping[int, int | None], starts: Mapping[int, int]) -> Found:
    """Return what stands in the way of a start, by partition."""
    undecided = tuple(p for p in sorted(starts) if committed.get(p) is None)
    expired = tuple(
        Expired(partition=p, from_offset=at, to_offset=start)
        for p, start in sorted(starts.items())
        if (at := committed.get(p)) is not None and at < start
    )
    return Found(undecided=undecided, expired=expired)


class Group:
    """One consumer group and its topic, as the admin protocol shows them."""

    def __init__(self, connection: client.Config, group: str, topic: str) -> None:
        self._connection, self._group, self._topic = connection, group, topic
        self._admin = AdminClient(connection)
        self._partitions = range(CATALOGUE[topic].partitions)

    def offsets(self, spec: Any) -> dict[int, int]:
        """Return the offset of that kind (earliest, latest) of each partition."""
        asked = {TopicPartition(self._topic, p): spec for p in self._partitions}
        futures = _call(lambda: self._admin.list_offsets(asked, request_timeout=_TIMEOUT_S))
        return {tp.partition: _result(future).offset for tp, future in futures.items()}

    def committed(self) -> dict[int, int | None]:
        """Return the committed offset of each partition, None where there is none."""
        asked = [TopicPartition(self._topic, p) for p in self._partitions]
        request = [ConsumerGroupTopicPartitions(self._group, asked)]
        futures = _call(
            lambda: self._admin.list_consumer_group_offsets(request, request_timeout=_TIMEOUT_S)
        )
        found = _result(futures[self._group]).topic_partitions
        return {tp.partition: tp.offset if tp.offset >= 0 else None for tp in found}

    def has_members(self) -> bool:
        """Return whether anybody is in the group; who was killed is, until its session ends."""
        futures = _call(
            lambda: self._admin.describe_consumer_groups([self._group], request_timeout=_TIMEOUT_S)
        )
        return bool(_result(futures[self._group]).members)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Set committed offsets; works only while the group has no members.

        Raises:
            Transient: it has some, or the brokers do not answer.
        """
        wanted = [TopicPartition(self._topic, p, o) for p, o in offsets.items()]
        request = [ConsumerGroupTopicPartitions(self._group, wanted)]
        futures = _call(
            lambda: self._admin.alter_consumer_group_offsets(request, request_timeout=_TIMEOUT_S)
        )
        # Without this look a refusal would pass for a success: the call itself does not fail.
        if any(tp.error is not None for tp in _result(futures[self._group]).topic_partitions):
            raise Transient("the group has members: its offsets stand", reason="group_in_use")

    def topic_id(self) -> str:
        """Return the broker's id of the topic, which changes when a topic is made anew."""
        described = _call(
            lambda: self._admin.describe_topics(
                TopicCollection([self._topic]), request_timeout=_TIMEOUT_S
            )
        )
        return str(_result(described[self._topic]).topic_id)

    def publish_notices(
        self, expired: tuple[Expired, ...], signer: SigningKey, now_ms: int
    ) -> None:
        """Produce a signed notice for each hole and wait until all stand on overt.part.v1."""
        topic_id, failures = self.topic_id(), []
        producer = Producer(client.producer(self._connection))
        for hole in expired:
            mark = NoticeMark(
                topic=self._topic, topic_id=topic_id, partition=hole.partition,
                from_offset=hole.from_offset, to_offset=hole.to_offset, day=day_of(now_ms),
            )  # fmt: skip
            producer.produce(
                PART, value=codec.encode(seal_mark(mark, b"", signer)), key=b"",
                partition=hole.partition,
                on_delivery=lambda error, _message: failures.append(error) if error else None,
            )  # fmt: skip
        if producer.flush(_FLUSH_S) or failures:
            raise Transient("notices were not taken", reason="notice_failed")


def check(group: Group, signer: Callable[[], SigningKey] | None, now_ms: int, decide: str) -> None:
    """Return nothing once a worker may start; without a signer holes leave no notice.

    Raises:
        Permanent: a partition has no committed offset (``no_offset``); ``decide`` is the command.
        Transient: the brokers do not answer, or the group is in use.
    """
    starts = group.offsets(OffsetSpec.earliest())
    found = judge(group.committed(), starts)
    if found.undecided:
        raise Permanent(
            f"no committed offset for partitions {', '.join(map(str, found.undecided))}: "
            f"decide where to start with `{decide}`",
            reason="no_offset",
        )
    if found.expired:
        # Asked first, as the notices would be written again with every try.
        if group.has_members():
            raise Transient("the group has members: its offsets stand", reason="group_in_use")
        if signer is not None:
            group.publish_notices(found.expired, signer(), now_ms)
        group.commit({hole.partition: hole.to_offset for hole in found.expired})
        for hole in found.expired:
            telemetry.raw_expired(group._topic, hole.partition, hole.from_offset, hole.to_offset)


def _call(request: Callable[[], Any]) -> Any:
    try:
        return request()
    except KafkaException as exc:
        raise _foreign(exc) from exc


def _result(future: Any) -> Any:
    try:
        return future.result(2 * _TIMEOUT_S)
    except KafkaException as exc:
        raise _foreign(exc) from exc


def _foreign(exc: KafkaException) -> Permanent | Transient:
    error: KafkaError = exc.args[0]
    denied = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED,
              KafkaError.SASL_AUTHENTICATION_FAILED)  # fmt: skip
    if error.code() in denied:
        return Permanent(
            f"the brokers refuse this user ({error.name()}): apply the topology",
            reason="not_authorised",
        )
    return Transient(f"the brokers do not answer ({error.name()})", reason="brokers_down")
