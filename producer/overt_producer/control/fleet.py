"""Beacons, policies and key sets from Kafka to the board. Ship's ear.

Reads both topics by ``assign``, in no group: the control topic from its start (it is compacted),
of the beacons only the newest few. Rows are verified here as well, so that noise on a topic cannot
push the truth off the board; capture verifies again and trusts no one.
"""

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from overt_producer import telemetry
from overt_producer.control.board import BEACON, KEYSET, POLICY, Board
from overt_schemas import client, codec, topics
from overt_schemas.client import Config
from overt_schemas.errors import Permanent
from overt_schemas.records import Beacon, Policy, Signed
from overt_schemas.signing import Keyring

LATEST_BEACONS = 20
WATERMARK_S = 1.0
RETRY_S = 2.0
QUIET = (
    2  # librdkafka's own lines on stderr: what matters comes as an error and is an event of ours
)
# A client with a group id looks for a coordinator even if it only assigns; endpoints have no
# group and need none (facts/kafka.md: no group right is needed to read with assign).
_HARMLESS = (KafkaError._PARTITION_EOF, KafkaError.GROUP_AUTHORIZATION_FAILED)


class Fleet:
    """The consumer of one endpoint; ``poll`` never raises for a broker that is away."""

    def __init__(
        self, board: Board, root: bytes, group: str, name: str,
        connection: Callable[[], Config], build: Callable[[Config], Any] = Consumer,
    ) -> None:  # fmt: skip
        self._board, self._group, self._name = board, group, name
        self._connection, self._build = connection, build
        self._keyring = Keyring(root=root)
        self._consumer: Any = None
        self._not_before_s = 0.0
        self._is_away = False
        for value in board.read(KEYSET):
            self._accept_keys(value)

    def poll(self, timeout_s: float, limit: int = 100) -> int:
        """Take in what has come and return how many records that were."""
        if time.monotonic() < self._not_before_s:
            return 0
        try:
            consumer = self._open()
            messages = consumer.consume(limit, timeout_s)
        except KafkaException as exc:
            self._away(exc.args[0])
            self._not_before_s = time.monotonic() + RETRY_S
            return 0
        count = 0
        for message in messages:
            error = message.error()
            if error is None:
                self._pin(message)
                count += 1
            elif error.code() not in _HARMLESS:
                self._away(error)
        return count

    def close(self) -> None:
        """Leave the broker; the next ``poll`` connects anew, with the certificate of then."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _open(self) -> Any:
        if self._consumer is not None:
            return self._consumer
        config = client.registry_reader(self._connection(), self._name)
        consumer = self._build({**config, "log_level": QUIET})
        try:
            beacons = TopicPartition(topics.BEACON, 0)
            low, high = consumer.get_watermark_offsets(beacons, timeout=WATERMARK_S)
            beacons.offset = max(low, high - LATEST_BEACONS)
            control = TopicPartition(topics.CONTROL, 0)
            control.offset = consumer.get_watermark_offsets(control, timeout=WATERMARK_S)[0]
            consumer.assign([control, beacons])
        except KafkaException:
            consumer.close()
            raise
        self._consumer, self._is_away = consumer, False
        return consumer

    def _pin(self, message: Message) -> None:
        value, topic = message.value(), message.topic()
        if value is None:
            return
        key = (message.key() or b"").decode("utf-8", "replace")
        at_ms = message.timestamp()[1]
        try:
            if topic == topics.BEACON:
                beacon = self._keyring.open(codec.decode(value, Signed), at_ms, Beacon)
                self._board.pin(BEACON, beacon.number, "", value)
            elif key == "keyset":
                self._accept_keys(value)
                self._board.pin(KEYSET, self._keyring.version, "keyset", value)
            elif key.startswith(f"policy/{self._group}/"):
                policy = self._keyring.open(codec.decode(value, Signed), at_ms, Policy)
                self._board.pin(POLICY, policy.version, policy.group, value)
        except Permanent:
            telemetry.control_rejected(1)

    def _accept_keys(self, value: bytes) -> None:
        try:
            self._keyring = self._keyring.accept(codec.decode(value, Signed))
        except Permanent:
            telemetry.control_rejected(1)

    def _away(self, error: KafkaError) -> None:
        if not self._is_away:
            telemetry.fleet_unreachable(error.name())
        self._is_away = True
