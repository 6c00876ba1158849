"""A stage's group and topic at the brokers: where it stands, and setting it back. SHELL."""

import time
from collections.abc import Mapping

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from overt_ops.pipeline.doors import Door
from overt_ops.pipeline.look import Look, refused
from overt_ops.pipeline.stages import Stage
from overt_ops.pipeline.standing import Seen
from overt_ops.topology.patience import results
from overt_schemas.errors import Transient

# A member that was killed stays until its session ends (at most 30 s), a stop takes five.
_EMPTY_S = 60.0
_LOOK_S = 0.25


class Group:
    """One stage, as ``reader`` may look and ``writer`` may set it back."""

    def __init__(self, stage: Stage, reader: Door, writer: Door) -> None:
        self._stage = stage
        self._look = Look(reader.connection)
        self._reader = AdminClient(reader.connection)
        self._writer = AdminClient(writer.connection)

    def topic_id(self) -> str:
        """Return the brokers' id of the topic, which changes when a topic is made anew."""
        asked = TopicCollection([self._stage.topic])
        (described,) = results(lambda: self._reader.describe_topics(asked).values())
        return str(described.topic_id)

    def seen(self) -> dict[int, Seen]:
        """Return how each partition stands."""
        return {p: seen for (_, p), seen in self._look.seen([self._stage]).items()}

    def at(self, ms: int) -> dict[int, int]:
        """Return the first offset appended at or after a time; the end where there is none."""
        places = [TopicPartition(self._stage.topic, p) for p in self._stage.partitions]
        level = IsolationLevel.READ_UNCOMMITTED

        def ask(spec: OffsetSpec) -> list[int]:
            wanted = dict.fromkeys(places, spec)
            found = results(
                lambda: self._reader.list_offsets(wanted, isolation_level=level).values()
            )
            return [result.offset for result in found]

        found, ends = ask(OffsetSpec.for_timestamp(ms)), ask(OffsetSpec.latest())
        return {
            place.partition: offset if offset >= 0 else end
            for place, offset, end in zip(places, found, ends, strict=True)
        }

    def wait_empty(self) -> None:
        """Return once nobody is in the group."""
        deadline_s = time.monotonic() + _EMPTY_S
        while self._look.members(self._stage).count:
            if time.monotonic() > deadline_s:
                raise Transient(
                    f"somebody is still in the group {self._stage.name}: "
                    "stop its processes, then start again",
                    reason="group_in_use",
                )
            time.sleep(_LOOK_S)

    def set_back(self, offsets: Mapping[int, int]) -> None:
        """Commit these offsets; the group must be empty.

        Raises:
            Permanent, Transient: a partition was refused, or the brokers are away.
        """
        wanted = [TopicPartition(self._stage.topic, p, o) for p, o in offsets.items()]
        request = [ConsumerGroupTopicPartitions(self._stage.name, wanted)]
        (done,) = refused(
            lambda: results(lambda: self._writer.alter_consumer_group_offsets(request).values())
        )
        # The call succeeds on a group with members, too: each partition then carries its refusal.
        for place in done.topic_partitions:
            if place.error is not None:
                raise_from(place.error)


def raise_from(error: object) -> None:
    """Raise what the brokers said of one partition as one of ours."""

    def told() -> None:
        raise KafkaException(error)

    refused(told)
