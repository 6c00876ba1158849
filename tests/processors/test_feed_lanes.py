"""One feed that is slow, missing or denied costs the others nothing and the partition little."""

import asyncio
from dataclasses import dataclass, field

from overt_processors.core.lanes import Answer, Lanes, Rules
from overt_processors.feed_out import Headers, KafkaPort, Outbox, Told

SMALL = Rules(room_bytes=100, patience_s=2.0)


def test_a_lane_takes_what_fits_and_then_lets_wait() -> None:
    lanes = Lanes(rules=SMALL)
    lanes.send("g-1", 60, 0.0)

    answers = [lanes.ask("g-1", size, 0.0) for size in (40, 41)]

    assert answers == [Answer.TAKE, Answer.WAIT]


def test_a_record_larger_than_a_lane_is_taken_when_the_lane_is_empty() -> None:
    assert Lanes(rules=SMALL).ask("g-1", 1000, 0.0) is Answer.TAKE


def test_a_full_lane_makes_nobody_wait_on_another() -> None:
    lanes = Lanes(rules=SMALL)
    lanes.send("g-1", 100, 0.0)

    assert (lanes.ask("g-1", 1, 0.0), lanes.ask("g-2", 1, 0.0)) == (Answer.WAIT, Answer.TAKE)


def test_a_lane_that_is_late_is_cut_and_the_source_waits_no_longer() -> None:
    lanes = Lanes(rules=SMALL)
    tokens = [lanes.send("g-1", 10, 0.0), lanes.send("g-1", 10, 1.9)]

    before, late = lanes.overdue(1.99), lanes.overdue(2.0)

    assert (before, late) == ({}, {"g-1": tokens})
    assert lanes.ask("g-1", 1, 2.0) is Answer.DROP
    assert lanes.overdue(100.0) == {}


def test_a_cut_lane_lets_one_record_try_and_opens_when_that_is_delivered() -> None:
    lanes = Lanes(rules=SMALL)
    first = lanes.send("g-1", 10, 0.0)
    assert lanes.refused("g-1", first, 0.0) == [first]

    early = lanes.ask("g-1", 1, 0.9)
    tries = lanes.ask("g-1", 1, 1.0)
    token = lanes.send("g-1", 1, 1.0)
    beside = lanes.ask("g-1", 1, 1.0)
    lanes.delivered("g-1", token, 1.1)

    assert (early, tries, beside) == (Answer.DROP, Answer.TAKE, Answer.DROP)
    assert lanes.is_open("g-1")
    assert lanes.ask("g-1", 1, 1.1) is Answer.TAKE


def test_pauses_double_to_fifteen_seconds_and_a_flapping_lane_keeps_its_long_ones() -> None:
    lanes, now_s, pauses = Lanes(rules=SMALL), 0.0, []
    for _ in range(6):
        token = lanes.send("g-1", 1, now_s)
        lanes.refused("g-1", token, now_s)
        start_s = now_s
        while lanes.ask("g-1", 1, now_s) is Answer.DROP:
            now_s += 0.5
        pauses.append(now_s - start_s)
        lanes.delivered("g-1", lanes.send("g-1", 1, now_s), now_s)

    assert pauses == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_what_was_on_its_way_when_a_lane_was_cut_has_to_be_gone_before_it_tries() -> None:
    lanes = Lanes(rules=SMALL)
    token = lanes.send("g-1", 10, 0.0)
    lanes.overdue(2.0)

    stuck = lanes.ask("g-1", 1, 60.0)
    late = lanes.delivered("g-1", token, 60.0)

    assert (stuck, late) == (Answer.DROP, False)
    assert not lanes.is_open("g-1")
    assert lanes.ask("g-1", 1, 60.0) is Answer.TAKE


def test_lanes_of_grants_that_are_over_are_forgotten_once_empty() -> None:
    lanes = Lanes(rules=SMALL)
    token = lanes.send("g-1", 10, 0.0)

    lanes.keep(set())
    kept = set(lanes._lanes)
    lanes.delivered("g-1", token, 0.0)
    lanes.keep(set())

    assert (kept, set(lanes._lanes)) == ({"g-1"}, set())


@dataclass
class Stuck:
    """A port on which one grant's records are never heard of again, and the others' at once."""

    stuck: str
    took: list[str] = field(default_factory=list)
    told: Told | None = None

    def open(self, told: Told) -> None:
        self.told = told

    def produce(self, grant: str, token: int, value: bytes, key: bytes, headers: Headers) -> bool:
        assert self.told is not None
        if grant != self.stuck:
            self.took.append(grant)
            self.told(grant, token, "")
        return True


def test_a_feed_that_answers_nothing_holds_a_partition_up_once_and_for_its_patience_only() -> None:
    async def run() -> tuple[float, int, bool]:
        port = Stuck("g-bad")
        box = Outbox(port=port, lanes=Lanes(rules=Rules(room_bytes=100, patience_s=0.3)))
        box.open()
        started_s, futures = asyncio.get_running_loop().time(), []
        for _ in range(200):
            for grant in ("g-bad", "g-good"):
                futures.append(await box.send(grant, bytes(30), b"", []))
        took_s = asyncio.get_running_loop().time() - started_s
        settled = all(f is None or f.done() for f in futures)
        return took_s, port.took.count("g-good"), settled

    took_s, good, settled = asyncio.run(run())

    assert 0.3 <= took_s < 2.0
    assert (good, settled) == (200, True)


def test_a_record_too_large_for_its_feed_is_let_go_alone() -> None:
    lanes = Lanes(rules=SMALL)
    large, other = lanes.send("g-1", 10, 0.0), lanes.send("g-1", 10, 0.0)

    let_go = lanes.passed("g-1", large)

    assert let_go
    assert lanes.is_open("g-1")
    assert lanes.delivered("g-1", other, 0.1)


def test_a_record_too_large_is_no_proof_that_a_cut_lane_is_well() -> None:
    lanes = Lanes(rules=SMALL)
    lanes.refused("g-1", lanes.send("g-1", 10, 0.0), 0.0)

    lanes.passed("g-1", lanes.send("g-1", 10, 1.0))

    assert not lanes.is_open("g-1")
    assert lanes.ask("g-1", 1, 1.0) is Answer.TAKE


def test_a_record_that_librdkafka_finds_too_large_cuts_no_feed_off() -> None:
    async def run() -> tuple[bool, bool]:
        port = KafkaPort({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        box = Outbox(port=port)
        box.open()
        future = await box.send("g-1", bytes(2 * 2**20), b"", [])
        assert future is not None
        await asyncio.wait_for(future, 5)
        return future.done(), box.lanes.is_open("g-1")

    assert asyncio.run(run()) == (True, True)
