"""Kafka, as a sink needs it: one topic's id, where each partition goes on, offsets. SHELL.

Offsets are committed with the topic's id as metadata: a group's offset that belongs to a topic of
the same name that was deleted is not taken for one of the new topic.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import TopicCollection as Topics
from confluent_kafka.admin import AdminClient

from overt_schemas import client
from overt_schemas.errors import Permanent, Refused, Transient
from overt_sinks import chain, telemetry
from overt_sinks.dead_letters import TIMEOUT_S
from overt_sinks.naming import Partition, topic_uuid
from overt_sinks.settings import Kafka, read_secret

LETTER_LIMIT = 1_114_112  # overt.deadletter.v1's max.message.bytes, deploy/topology/topics.yaml
_ASK_S = 10.0
_LOOK_S = 0.05
_CHECK_NS = 10_000_000_000
_NOT_ALLOWED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
}
_TOPIC_GONE = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
# librdkafka tells these of one batch and reads on behind it.
_UNREADABLE = {KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError.INVALID_MSG}


class LastOffsets(Protocol):
    """What is asked of the index at an assignment."""

    def last_offset(self, partition: Partition) -> int | None:
        """Return the last offset in an indexed object."""
        ...


def connection(settings: Kafka) -> client.Config:
    """Return how to connect as the sink."""
    return client.scram(
        settings.bootstrap, str(settings.ca), settings.username,
        read_secret(settings.password_file), "overt-sink",
    )  # fmt: skip


def open_consumer(settings: Kafka, group: str, instance: str) -> Consumer:
    """Return the consumer; ``instance`` makes it a static member.

    A static member that was killed gets its partitions back at once, not after its session.
    """
    config: client.Config = {
        **client.consumer(connection(settings), group),
        "group.instance.id": instance,
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 2_000,
        # One tenure for all partitions: the loop counts on losing all at once.
        "partition.assignment.strategy": "range",
        # librdkafka rests for a second whenever so much is fetched and not yet taken: a backlog
        # came in bursts. What is fetched is lost at each pause, so it is little.
        "queued.max.messages.kbytes": 16_384,
        "fetch.queue.backoff.ms": 10,
    }
    return Consumer({**config, "on_commit": _told}, logger=telemetry.kafka_log())


def open_producer(settings: Kafka) -> Producer:
    """Return the producer of dead letters."""
    config = client.producer(connection(settings))
    # That topic alone takes more than 1 MiB: a whole record, and the letter around it.
    own = {"message.timeout.ms": int(TIMEOUT_S * 1000), "message.max.bytes": LETTER_LIMIT}
    return Producer({**config, **own}, logger=telemetry.kafka_log())


class Topic:
    """One topic by name, asked for its id; a topic that was made anew has another."""

    def __init__(self, settings: Kafka, name: str) -> None:
        self._name = name
        self._refused: list[Any] = []
        config = {**connection(settings), "error_cb": self._told}
        self._admin = AdminClient(config, logger=telemetry.kafka_log())
        self._asked: Any = None
        self._look_at = 0

    def id(self) -> str:
        """Return the id, as Kafka prints it."""
        answer = self._ask()
        # A refused log-in is told aside; the question itself would only time out.
        while not answer.done() and not self._refused:
            self._admin.poll(_LOOK_S)
        if self._refused:
            raise translated(self._refused[0])
        return self._read(answer)

    def check(self, expected: str, now: int) -> None:
        """Ask now and then, without waiting, whether the topic is still the same.

        Raises:
            Permanent: it is another: what is read now belongs to another chain.
        """
        self._admin.poll(0)
        if self._asked is None and now >= self._look_at:
            self._asked, self._look_at = self._ask(), now + _CHECK_NS
        if self._asked is None or not self._asked.done():
            return
        answer, self._asked = self._asked, None
        try:
            found = self._read(answer)
        except Transient:
            return
        if found != expected:
            raise Permanent("the topic was made anew: start the sink again", reason="no_topic")

    def _ask(self) -> Any:
        return self._admin.describe_topics(Topics([self._name]), request_timeout=_ASK_S)[self._name]

    def _read(self, answer: Any) -> str:
        try:
            return topic_uuid(str(answer.result().topic_id))
        except KafkaException as exc:
            raise translated(exc.args[0]) from exc

    def _told(self, error: Any) -> None:
        if error.code() in _NOT_ALLOWED:
            self._refused.append(error)


def committed(settings: Kafka, group: str, topic: str) -> Mapping[Partition, int]:
    """Return the group's committed offset of each partition that has one of this very topic."""
    config = client.consumer(connection(settings), group)
    consumer = Consumer(config, logger=telemetry.kafka_log())  # it never subscribes
    try:
        where = Topic(settings, topic).id()
        numbers = consumer.list_topics(topic, timeout=_ASK_S).topics[topic].partitions
        answers = consumer.committed([TopicPartition(topic, n) for n in numbers], timeout=_ASK_S)
    except KafkaException as exc:
        raise translated(exc.args[0]) from exc
    finally:
        consumer.close()
    return of_topic(where, answers)


def of_topic(topic_id: str, answers: Iterable[Any]) -> Mapping[Partition, int]:
    """Return the committed offsets that count for a topic; those of a deleted one are none.

    A sink that had not noticed yet may commit what it stored of the topic of old.
    """
    return {
        Partition(topic=a.topic, topic_id=topic_id, number=a.partition): a.offset
        for a in answers
        if a.offset >= 0 and not _is_stale(a, topic_id)
    }


def _is_stale(answer: Any, topic_id: str) -> bool:
    return answer.metadata not in (None, "", topic_id)


def starts(consumer: Any, partitions: Iterable[Partition], index: LastOffsets) -> Mapping[int, int]:
    """Return from where each partition is read on.

    Raises:
        Permanent: nobody knows, or records between the chain's end and the log's start are gone
            (reason ``no_offset``, ``stale_offset`` or ``expired``).
    """
    wanted = {p.number: p for p in partitions}
    tops = [TopicPartition(p.topic, n) for n, p in wanted.items()]
    try:
        answers = consumer.committed(tops, timeout=_ASK_S)
        return {a.partition: _start(consumer, a, wanted[a.partition], index) for a in answers}
    except KafkaException as exc:
        raise translated(exc.args[0]) from exc


def _start(consumer: Any, answer: Any, partition: Partition, index: LastOffsets) -> int:
    if answer.error is not None:
        raise translated(answer.error)
    if answer.offset >= 0 and _is_stale(answer, partition.topic_id):
        raise Permanent(
            f"the group's offset of partition {partition.number} is of a deleted topic:"
            " commit the offset to begin from",
            reason="stale_offset",
        )
    committed = answer.offset if answer.offset >= 0 else None
    start = chain.start(committed, index.last_offset(partition))
    if start is None:
        raise Permanent(
            f"no offset is known for partition {partition.number}: run stream-ops topology apply,"
            " or commit the offset to begin from",
            reason="no_offset",
        )
    where = TopicPartition(partition.topic, partition.number)
    low, high = consumer.get_watermark_offsets(where, timeout=_ASK_S)
    if not low <= start <= high:
        raise Permanent(
            f"partition {partition.number} holds {low} to {high} and the sink is at {start}: what"
            " lies between expired, or the log is another; commit the offset to go on from",
            reason="expired",
        )
    return start


def commit(consumer: Any, partitions: Mapping[Partition, int], *, wait: bool) -> None:
    """Commit offsets; a failure is only told, since the index knows them too."""
    offsets = [
        TopicPartition(p.topic, p.number, offset, metadata=p.topic_id)
        for p, offset in partitions.items()
    ]
    try:
        consumer.commit(offsets=offsets, asynchronous=not wait)
    except KafkaException as exc:
        telemetry.commit_failed(exc.args[0].name())


def raise_for(error: Any) -> None:
    """Raise if the error of a message means that reading on is wrong; else tell it."""
    if error.code() == KafkaError._PARTITION_EOF:
        return
    failure = translated(error)
    if isinstance(failure, Permanent):
        raise failure
    telemetry.broker_complained(error.name())


def translated(error: Any) -> Exception:
    """Return a Kafka error as one of ours."""
    code, name = error.code(), error.name()
    if code == KafkaError._AUTO_OFFSET_RESET:
        text = f"the log does not hold the offset to read from ({name}): commit one to go on from"
        return Permanent(text, reason="expired")
    if code in _UNREADABLE:
        text = (
            f"a record cannot be read ({name}), and none is passed over: look at the broker's log"
        )
        return Permanent(text, reason="unreadable")
    if code in _TOPIC_GONE:
        return Permanent("the topic is not there: run stream-ops topology apply", reason="no_topic")
    if code in _NOT_ALLOWED:
        return Refused(f"Kafka refuses the sink ({name}): check its access", reason="kafka_refused")
    if error.fatal():
        return Permanent(f"the Kafka client gave up ({name}): start the sink again", reason="kafka")
    return Transient(f"Kafka does not answer ({name})", reason="kafka")


def _told(error: Any, _offsets: object) -> None:
    if error is not None:
        telemetry.commit_failed(error.name())
