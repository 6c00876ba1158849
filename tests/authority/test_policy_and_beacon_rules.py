"""Policies: strict files, versions that rise. Beacons: who is stopped, told to nobody else."""

from dataclasses import replace

import pytest
import tomli_w

from overt_authority.beacon import rules as beacon
from overt_authority.beacon.rules import Fleet, Stopped
from overt_authority.devices import rules as devices
from overt_authority.policy import rules as policy
from overt_authority.presence import rules as presence
from overt_schemas.errors import Malformed
from overt_schemas.records import Device, PolicyRef, Presence
from overt_schemas.signing import stops
from tests.authority.kit import POLICY

TEXT = tomli_w.dumps(POLICY)
EMPTY = Fleet(paused_groups=frozenset(), stopped=(), policies=())


def test_a_policy_is_read_as_it_is_written() -> None:
    read = policy.parse(TEXT)

    assert (read.group, read.version, read.purposes) == ("demo", 0, ("train-agents",))
    assert policy.key(replace(read, version=3)) == b"policy/demo/3"


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1}, {"surprise": True}, {"group": "Demo Group"}, {"notice": " "},
        {"purposes": []}, {"purposes": [1]}, {"keep_titles": 1}, {"segment_s": "10"},
        {"segment_s": True}, {"period_s": 601}, {"hold_back_ms": 3501}, {"segment_bytes": 0},
    ],
    ids=str,
)  # fmt: skip
def test_a_policy_out_of_bounds_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        policy.parse(tomli_w.dumps({**POLICY, **changes}))


@pytest.mark.parametrize("name", sorted(POLICY))
def test_a_policy_has_every_field(name: str) -> None:
    fewer = {key: value for key, value in POLICY.items() if key != name}

    with pytest.raises(Malformed):
        policy.parse(tomli_w.dumps(fewer))


def test_only_another_content_is_another_version() -> None:
    wanted = policy.parse(TEXT)

    first = policy.next_version(None, wanted)
    assert first is not None
    assert first.version == 1
    assert policy.next_version(first, wanted) is None
    changed = policy.next_version(first, replace(wanted, segment_s=60))
    assert changed is not None
    assert changed.version == 2


def test_a_beacon_stops_the_stopped_device_and_no_other() -> None:
    ours, theirs = b"a" * 32, b"b" * 32
    fleet = replace(EMPTY, stopped=(Stopped(group="demo", tag_secret=ours),))

    said, next_said = (beacon.beacon(fleet, number, 1_000, 60_000) for number in (7, 8))

    assert stops(said.tags, ours, 7)
    assert not stops(said.tags, theirs, 7)
    assert said.tags != next_said.tags, "nobody can follow a device from beacon to beacon"
    assert (said.issued_ms, said.valid_until_ms) == (1_000, 61_000)


def test_too_many_stopped_devices_pause_their_groups() -> None:
    many = tuple(
        Stopped(group=f"g-{n % 2}", tag_secret=n.to_bytes(32, "big"))
        for n in range(beacon.MAX_TAGS + 1)
    )

    said = beacon.beacon(replace(EMPTY, stopped=many), 1, 0, 1)

    assert (said.paused_groups, said.tags) == (("g-0", "g-1"), ())


def test_a_beacon_names_pauses_and_policies() -> None:
    refs = (PolicyRef(group="demo", policy="a" * 64),)
    fleet = replace(EMPTY, paused_groups=frozenset({"b", "a"}), policies=refs)

    said = beacon.beacon(fleet, 1, 0, 1)

    assert (said.paused_groups, said.policies) == (("a", "b"), refs)


def test_a_paused_device_is_stopped_until_it_is_resumed() -> None:
    device = Device(
        device=bytes(16), group="demo", version=1, state="active", signing_key=bytes(32),
        spans=(), pauses=(),
    )  # fmt: skip

    paused = devices.pause(devices.pause(device, 5), 6)
    resumed = devices.resume(paused, 9)

    assert [devices.is_stopped(d) for d in (device, paused, resumed)] == [False, True, False]
    assert [(span.from_ms, span.to_ms) for span in resumed.pauses] == [(5, 9)]
    assert devices.is_stopped(replace(device, state="revoked"))


def said(boot: int, number: int, at_ms: int, *, capturing: bool = True) -> Presence:
    return Presence(
        device=bytes(16), boot=bytes([boot]) * 16, number=number, at_ms=at_ms,
        capturing=capturing, beacon=1, input_batches=0, frame_batches=0, stopped_ms=0, reason=b"",
    )  # fmt: skip


def test_the_latest_word_is_kept_in_whatever_order_words_come() -> None:
    assert presence.is_newer(None, said(1, 0, 10))
    assert presence.is_newer(said(1, 3, 10), said(1, 4, 9))
    assert not presence.is_newer(said(1, 3, 10), said(1, 3, 11))
    assert presence.is_newer(said(1, 3, 10), said(2, 0, 11))
    assert not presence.is_newer(said(2, 0, 11), said(1, 4, 10))


def test_silence_looks_like_not_capturing() -> None:
    assert presence.is_capturing(said(1, 0, 100), 150, 60)
    assert not presence.is_capturing(said(1, 0, 100), 160, 60)
    assert not presence.is_capturing(said(1, 0, 100, capturing=False), 110, 60)
    assert not presence.is_capturing(None, 110, 60)


def test_a_small_group_is_not_counted() -> None:
    assert presence.view([True] * 9) == {"fewer_than": 10}
    assert presence.view([True] * 7 + [False] * 3) == {"capturing": 7, "not_capturing": 3}
