"""Asking the brokers how the groups stand. SHELL; changes nothing, joins nothing."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from overt_ops.pipeline.stages import Members, Stage
from overt_ops.pipeline.standing import Seen, Spot
from overt_ops.topology.patience import TIMEOUT_S, patiently, results, translated
from overt_schemas import client
from overt_schemas.errors import OvertError, Permanent

T = TypeVar("T")
_REFUSED = (
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


class Look:
    """A connection that asks."""

    def __init__(self, connection: client.Config) -> None:
        self._connection = connection
        self._admin = AdminClient(connection)

    def seen(self, stages: Iterable[Stage]) -> dict[Spot, Seen]:
        """Return how each partition of these stages stands now.

        Raises:
            Permanent: the brokers refuse this user.
            Transient: they do not answer.
        """
        asked = tuple(stages)
        places = sorted({(stage.topic, p) for stage in asked for p in stage.partitions})
        starts = self._offsets(places, OffsetSpec.earliest())
        committed = {stage.name: self.committed(stage) for stage in asked}
        # Ends last: what was committed lies at or before them, so that no lag seems negative.
        ends = self._offsets(places, OffsetSpec.latest())
        return {
            (stage.name, p): Seen(
                start=starts[stage.topic, p], end=ends[stage.topic, p],
                committed=committed[stage.name].get(p),
            )
            for stage in asked
            for p in stage.partitions
        }  # fmt: skip

    def committed(self, stage: Stage) -> dict[int, int]:
        """Return the committed offset of each partition that has one."""
        # A consumer that never joins: librdkafka 2.16's admin call for this kills the process while
        # a coordinator is loading.
        consumer = Consumer(client.consumer(self._connection, stage.name))
        asked = [TopicPartition(stage.topic, p) for p in stage.partitions]
        try:
            found = refused(lambda: consumer.committed(asked, timeout=TIMEOUT_S))
        finally:
            consumer.close()
        for tp in found:
            if tp.error is not None:
                raise _of(KafkaException(tp.error))
        return {tp.partition: tp.offset for tp in found if tp.offset >= 0}

    def members(self, stage: Stage) -> Members:
        """Return who is in the stage's group."""
        (group,) = refused(lambda: results(
            lambda: self._admin.describe_consumer_groups([stage.name]).values()
        ))  # fmt: skip
        held = {
            tp.partition
            for member in group.members
            for tp in (member.assignment.topic_partitions if member.assignment else ())
            if tp.topic == stage.topic
        }
        state = group.state.name.lower().replace("_", " ")
        return Members(state=state, count=len(group.members), partitions=frozenset(held))

    def _offsets(self, places: list[tuple[str, int]], spec: Any) -> dict[tuple[str, int], int]:
        wanted = {TopicPartition(topic, p): spec for topic, p in places}
        level = IsolationLevel.READ_UNCOMMITTED
        found = refused(lambda: results(
            lambda: self._admin.list_offsets(wanted, isolation_level=level).values()
        ))  # fmt: skip
        return {place: result.offset for place, result in zip(places, found, strict=True)}


def refused(call: Callable[[], T]) -> T:
    """Return what ``call`` returns; a refusal becomes a line that says whom to come in as."""
    try:
        return patiently(call)
    except KafkaException as exc:
        raise _of(exc) from exc
    except OvertError as exc:
        cause = exc.__cause__
        if isinstance(cause, KafkaException):
            raise _of(cause) from exc
        raise


def _of(exc: KafkaException) -> OvertError:
    if exc.args[0].code() in _REFUSED:
        return Permanent(
            "the brokers refuse this user: come in as `operator` (to look) or "
            "`redrive` (to write), and apply the topology",
            reason="not_authorised",
        )
    return translated(exc)
