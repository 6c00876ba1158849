"""Grants and key sets as they come: a plain consumer, assigned, no group. SHELL."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from overt_ops.reconcile import telemetry
from overt_ops.reconcile.known import Known, News, learn
from overt_schemas import client, codec
from overt_schemas.errors import Malformed, Transient
from overt_schemas.records import Signed
from overt_schemas.signing import Keyring
from overt_schemas.topics import CONTROL, GRANT

_TOPICS = (CONTROL, GRANT)
_BATCH = 500
_POLL_S = 0.1


class Registry:
    """Holds what is known. A context manager.

    Attributes:
        known: learnt so far; another object after each batch of records.
        refused: how many records were refused, by reason.
    """

    def __init__(self, connection: client.Config, root: bytes) -> None:
        self.known = Known(keyring=Keyring(root=root))
        self.refused: Counter[str] = Counter()
        config = client.registry_reader(connection, "reconcile")
        self._consumer = Consumer({**config, "fetch.wait.max.ms": 100})
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in _TOPICS])
        self._at_end: set[str] = set()
        self._said_s: dict[str, float] = {}

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read_all(self, patience_s: float) -> None:
        """Return once both topics were read to their end: before, nothing may be concluded.

        Raises:
            Transient: that takes too long.
        """
        deadline, news = time.monotonic() + patience_s, list[News]()
        while self._at_end != set(_TOPICS):
            news += self._take(self._consumer.consume(_BATCH, _POLL_S))
            if time.monotonic() > deadline:
                raise Transient(
                    "the grants cannot be read to their end: are the brokers up, and may "
                    "`reconcile` read overt.grant.v1 and overt.control.v1?",
                    reason="not_ready",
                )
        # All at once, so that the keys come first.
        self._believe(news)

    def follow(self) -> None:
        """Learn what has come; waits a tenth of a second for it."""
        self._believe(self._take(self._consumer.consume(_BATCH, _POLL_S)))

    def _take(self, messages: Iterable[Any]) -> list[News]:
        news = []
        for message in messages:
            error = message.error()
            if error is None:
                news += self._read(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(message.topic())
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                # (That one is as it should be: no group takes part, but the client looks for it.)
                self._away(error.name())
        return news

    def _away(self, reason: str) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s.get(reason, -60.0) >= 60.0:
            self._said_s[reason] = now_s
            telemetry.registry_away(reason)

    def _read(self, message: Any) -> list[News]:
        if message.value() is None:
            return []
        try:
            signed = codec.decode(message.value(), Signed)
        except Malformed as exc:
            self._refuse(message.topic(), exc.reason)
            return []
        return [News(signed=signed, append_ms=message.timestamp()[1])]

    def _believe(self, news: list[News]) -> None:
        if not news:
            return
        self.known, refused = learn(self.known, news)
        for reason in refused:
            self._refuse("registry", reason)

    def _refuse(self, topic: str, reason: str) -> None:
        self.refused[reason] += 1
        telemetry.record_refused(topic, reason)
