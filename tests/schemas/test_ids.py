"""Names, the calendar, clocks and connections."""

import pytest

from overt_schemas import client, ids, testing
from overt_schemas.clock import Clock, SystemClock
from overt_schemas.errors import Malformed

NOON = 1_795_608_000_000  # 2026-11-25 12:00 UTC


def test_ids_and_names_are_random_and_mean_nothing() -> None:
    assert len({ids.new_id() for _ in range(100)}) == 100
    assert {len(ids.new_id()) for _ in range(9)} == {16}
    assert len(ids.new_name("p")) == 18
    assert ids.new_name("p").startswith("p-")


@pytest.mark.parametrize(
    ("wall_ms", "week", "day"),
    [
        (0, "1970-W01", "1970-01-01"),
        (NOON, "2026-W48", "2026-11-25"),
        (1_798_761_599_999, "2026-W53", "2026-12-31"),
        (1_798_761_600_000, "2026-W53", "2027-01-01"),  # ISO years begin on a Monday
    ],
)
def test_weeks_and_days_are_utc(wall_ms: int, week: str, day: str) -> None:
    assert ids.week_of(wall_ms) == week
    assert ids.day_of(wall_ms) == day


@pytest.mark.parametrize("wall_ms", [2**63 - 1, -(2**63), 10**15, -(10**15)])
def test_a_time_outside_the_calendar_is_malformed(wall_ms: int) -> None:
    for name in (ids.week_of, ids.day_of):
        with pytest.raises(Malformed) as caught:
            name(wall_ms)
        assert caught.value.reason == "time"


def test_the_fake_clock_moves_when_told() -> None:
    clock = testing.FakeClock()
    assert isinstance(clock.wall_us(), int)
    before: tuple[int, int] = clock.wall_us(), clock.boot_ns()

    clock.advance(1.5)

    assert clock.wall_us() - before[0] == 1_500_000
    assert clock.boot_ns() - before[1] == 1_500_000_000


def test_the_systems_clock_never_goes_back_within_a_boot() -> None:
    clock: Clock = SystemClock()

    assert clock.boot_ns() <= clock.boot_ns()
    assert clock.wall_us() > NOON // 1000


def test_content_is_never_consumed_from_a_guessed_offset() -> None:
    config = client.consumer(client.mtls("b", "ca", "cert", "key", "id"), "refine")

    assert config["auto.offset.reset"] == "error"
    assert config["enable.auto.commit"] is False
    assert config["security.protocol"] == "SSL"


def test_a_producer_is_idempotent_and_hashes_as_faust_does() -> None:
    config = client.producer(client.scram("b", "ca", "u", "p", "id"))

    assert config["enable.idempotence"] is True
    assert config["acks"] == "all"
    assert config["partitioner"] == "murmur2_random"
    assert config["security.protocol"] == "SASL_SSL"
