"""No lease, no capture: numbers, expiry by two clocks, pauses, reboot, suspend, clock steps."""

from dataclasses import replace

import pytest

from overt_producer import lease
from overt_producer.identity import Identity
from overt_producer.lease import NO_LEASE, PAUSED, Clocks, Lease
from overt_producer.pipeline import Closed, Now
from overt_schemas.records import Beacon, PolicyRef
from overt_schemas.signing import beacon_tag

WHO = Identity(group="fleet", tag_secret=b"s" * 32)
START = Now(wall_us=1_764_000_000_000_000, boot_ns=5_000_000_000, mono_us=5_000_000)


def later(seconds: float, *, wall: float = 0.0, slept: float = 0.0) -> Now:
    """Return a reading ``seconds`` later: the wall clock moved by hand, ``slept`` of it asleep."""
    return Now(
        wall_us=START.wall_us + round((seconds + wall) * 1e6),
        boot_ns=START.boot_ns + round(seconds * 1e9),
        mono_us=START.mono_us + round((seconds - slept) * 1e6),
    )


def beacon(number: int, valid_s: int = 60, now: Now = START, **changes: object) -> Beacon:
    plain = Beacon(
        number=number, issued_ms=now.wall_ms, valid_until_ms=now.wall_ms + valid_s * 1000,
        paused_groups=(), tags=(), policies=(PolicyRef(group="fleet", policy="abc"),),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def fresh(number: int = 5) -> Lease:
    return lease.heard(lease.resumed(-1, False, None, START), beacon(number), START)


def verdict(held: Lease, now: Now) -> Beacon | Closed:
    return lease.verdict(lease.ticked(held, now), WHO)


def test_an_unexpired_beacon_opens() -> None:
    assert verdict(fresh(), later(59)) == beacon(5)
    assert lease.policy_of(beacon(5), "fleet") == "abc"
    assert lease.policy_of(beacon(5), "nobody") == ""


def test_nothing_is_allowed_before_the_first_beacon() -> None:
    assert verdict(lease.resumed(-1, False, None, START), START) == NO_LEASE


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (later(60), "expired"),
        (later(30, wall=-3600), "wall clock set back"),
        (later(30, wall=3600), "wall clock set forward"),
        (later(30, wall=-3), "a small step back"),
        (later(30, slept=8), "suspended"),
        (later(61, wall=-1.5), "expired by the boot clock, slewed wall clock"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_lease_ends(now: Now, why: str) -> None:
    assert verdict(fresh(), now) == NO_LEASE, why


def test_after_a_step_only_a_beacon_made_later_opens_again() -> None:
    stepped = lease.ticked(fresh(5), later(10, wall=30))

    again = lease.heard(stepped, beacon(5), later(11, wall=30))
    higher = lease.heard(stepped, beacon(6, now=later(11, wall=30)), later(11, wall=30))

    assert lease.verdict(again, WHO) == NO_LEASE
    assert lease.verdict(higher, WHO) != NO_LEASE


def test_an_older_beacon_never_comes_back() -> None:
    held = lease.heard(fresh(5), beacon(6, paused_groups=("fleet",)), START)

    after = lease.heard(held, beacon(5), START)

    assert lease.verdict(after, WHO) == PAUSED
    assert after.highest == 6


@pytest.mark.parametrize(
    "changes",
    [{"paused_groups": ("fleet",)}, {"tags": (bytes(16), beacon_tag(WHO.tag_secret, 6))}],
    ids=["its group", "its tag"],
)
def test_a_pause_stops_this_device(changes: dict[str, object]) -> None:
    held = lease.heard(fresh(5), replace(beacon(6), **changes), START)  # type: ignore[arg-type]

    assert verdict(held, START) == PAUSED


def test_a_pause_of_others_does_not_stop_this_device() -> None:
    others = beacon(6, paused_groups=("sales",), tags=(beacon_tag(b"x" * 32, 6),))

    assert verdict(lease.heard(fresh(5), others, START), START) == others


def test_a_beacon_from_the_future_gives_no_lease() -> None:
    ahead = beacon(6, issued_ms=START.wall_ms + 60_000)

    assert verdict(lease.heard(fresh(5), ahead, START), START) == NO_LEASE


def test_hearing_the_same_beacon_again_does_not_prolong_it() -> None:
    held = lease.heard(fresh(5), beacon(5), later(30))

    assert verdict(held, later(60)) == NO_LEASE


@pytest.mark.parametrize(
    ("is_same_boot", "clocks", "opens"),
    [
        (True, Clocks.of(START), True),
        (False, Clocks.of(START), False),
        (True, Clocks.of(later(0, wall=100)), False),
        (True, Clocks.of(later(100, slept=50)), False),
        (True, None, False),
    ],
    ids=["a restart of capture", "a reboot", "a clock step", "a suspend", "clocks unknown"],
)
def test_the_beacon_of_before_opens_again_only_after_a_mere_restart(
    is_same_boot: bool, clocks: Clocks | None, opens: bool
) -> None:
    restarted = lease.resumed(5, is_same_boot, clocks, START)

    same = lease.heard(restarted, beacon(5), START)
    lower = lease.heard(restarted, beacon(4), START)
    higher = lease.heard(restarted, beacon(6), START)

    assert (lease.verdict(same, WHO) != NO_LEASE) is opens
    assert lease.verdict(lower, WHO) == NO_LEASE
    assert lease.verdict(higher, WHO) != NO_LEASE
