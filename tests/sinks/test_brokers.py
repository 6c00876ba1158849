"""Which committed offsets count: those of this very topic."""

from confluent_kafka import TopicPartition

from overt_sinks import brokers
from overt_sinks.naming import Partition

OURS, OTHER = "AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB"


def test_an_offset_that_was_committed_for_a_deleted_topic_counts_for_nothing() -> None:
    answers = [
        TopicPartition("t", 0, 7, metadata=OURS),
        TopicPartition("t", 1, 0),  # by `topology apply`, which names no topic
        TopicPartition("t", 2, 1976, metadata=OTHER),
        TopicPartition("t", 3, -1001),
    ]

    found = brokers.of_topic(OURS, answers)

    assert found == {
        Partition(topic="t", topic_id=OURS, number=0): 7,
        Partition(topic="t", topic_id=OURS, number=1): 0,
    }
