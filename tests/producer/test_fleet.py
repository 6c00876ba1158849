"""What ship pins on the board: records that verify, of its own group, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from overt_producer.control.board import BEACON, KEYSET, POLICY, Board
from overt_producer.control.fleet import LATEST_BEACONS
from overt_producer.control.fleet import Fleet as Reader
from overt_schemas import codec, topics
from overt_schemas.client import Config
from overt_schemas.records import Beacon, Signed
from overt_schemas.signing import SigningKey
from tests.producer.fleet import Fleet

NOW_MS = 1_764_000_000_000


@dataclass
class Record:
    topic_name: str
    key_text: str
    data: bytes | None
    failure: KafkaError | None = None

    def error(self) -> KafkaError | None:
        return self.failure

    def value(self) -> bytes | None:
        return self.data

    def key(self) -> bytes | None:
        return self.key_text.encode() or None

    def topic(self) -> str:
        return self.topic_name

    def timestamp(self) -> tuple[int, int]:
        return 1, NOW_MS


@dataclass
class Topics:
    """A consumer that gives what the test put in."""

    records: list[Record] = field(default_factory=list)
    config: Config = field(default_factory=dict)
    assigned: list[TopicPartition] = field(default_factory=list)
    is_away: bool = False
    closed: int = 0

    def build(self, config: Config) -> "Topics":
        self.config = config
        return self

    def get_watermark_offsets(self, where: TopicPartition, timeout: float) -> tuple[int, int]:
        del timeout
        if self.is_away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return (0, 1000) if where.topic == topics.BEACON else (3, 9)

    def assign(self, where: list[TopicPartition]) -> None:
        self.assigned = where

    def consume(self, limit: int, timeout: float) -> list[Record]:
        del timeout
        out, self.records = self.records[:limit], self.records[limit:]
        return out

    def close(self) -> None:
        self.closed += 1


@dataclass
class Bench:
    folder: Path
    fleet: Fleet = field(default_factory=Fleet)
    source: Topics = field(default_factory=Topics)

    def __post_init__(self) -> None:
        self.board = Board(self.folder / "control.db")
        self.reader = Reader(
            self.board, self.fleet.root.public_bytes(), "sim", "test", dict, self.source.build
        )

    def say(self, topic: str, key: str, signed: Signed | None) -> None:
        self.source.records.append(
            Record(topic, key, None if signed is None else codec.encode(signed))
        )

    def beacon(self, signer: SigningKey | None = None) -> Beacon:
        made = self.fleet.beacon(NOW_MS)
        self.say(topics.BEACON, "", (signer or self.fleet.authority).sign_record(made))
        return made

    def counts(self) -> tuple[int, int, int]:
        return tuple(len(self.board.read(k)) for k in (KEYSET, POLICY, BEACON))  # type: ignore[return-value]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.board.close()


def test_it_reads_control_from_the_start_and_the_newest_beacons_in_no_group(bench: Bench) -> None:
    bench.reader.poll(0)

    assert [(p.topic, p.offset) for p in bench.source.assigned] == [
        (topics.CONTROL, 3), (topics.BEACON, 1000 - LATEST_BEACONS),
    ]  # fmt: skip
    assert bench.source.config["enable.auto.commit"] is False


def test_it_pins_what_verifies_for_its_own_group(bench: Bench) -> None:
    other = bench.fleet.authority.sign_record(replace(bench.fleet.policy, group="other"))
    bench.say(topics.CONTROL, "keyset", bench.fleet.keyset())
    bench.say(topics.CONTROL, "policy/sim/1", bench.fleet.signed_policy())
    bench.say(topics.CONTROL, "policy/other/1", other)
    bench.say(topics.CONTROL, "overlay/x", bench.fleet.signed_policy())
    bench.say(topics.CONTROL, "policy/sim/0", None)
    bench.beacon()

    assert bench.reader.poll(0) == 6

    assert bench.counts() == (1, 1, 1)


def test_noise_on_a_topic_does_not_reach_the_board(bench: Bench) -> None:
    bench.say(topics.CONTROL, "keyset", bench.fleet.keyset())
    bench.beacon(SigningKey.generate(bench.fleet.authority.key_id))
    bench.source.records.append(Record(topics.BEACON, "", b"noise"))
    bench.say(topics.CONTROL, "keyset", Fleet().keyset(version=9))

    bench.reader.poll(0)

    assert bench.counts()[2] == 0


def test_the_board_keeps_the_newest_beacons_only(bench: Bench) -> None:
    bench.say(topics.CONTROL, "keyset", bench.fleet.keyset())
    for _ in range(40):
        last = bench.beacon()

    bench.reader.poll(0)

    newest = codec.decode(bench.board.read(BEACON)[0], Signed)
    assert bench.counts()[2] == 16
    assert codec.unpack(Beacon, newest.body) == last


def test_a_broker_that_is_away_is_tried_again_and_not_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])
    bench.source.is_away = True
    assert bench.reader.poll(0) == 0
    bench.source.is_away = False
    bench.say(topics.CONTROL, "keyset", bench.fleet.keyset())

    first: Any = bench.reader.poll(0)
    seconds[0] += 5
    second: Any = bench.reader.poll(0)

    assert (first, second) == (0, 1)
    assert bench.source.closed == 1
