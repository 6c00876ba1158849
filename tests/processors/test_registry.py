"""What the registries believe."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace

import pytest

from overt_processors.core.registry import News, Pause, Registries, learn
from overt_processors.registries import answer
from overt_schemas.records import KeySet, Signed
from overt_schemas.signing import ROOT, Keyring, SigningKey
from tests.processors.world import GROUP, START_MS, World


def told(world: World, *signed: Signed, start: Registries | None = None) -> Registries:
    empty = Registries(keyring=Keyring(root=world.root.public_bytes()))
    news = [News(signed=s, append_ms=START_MS) for s in signed]
    return learn(start or empty, news).registries


def test_a_record_signed_by_anybody_else_is_refused() -> None:
    world = World()
    forger = SigningKey.generate("authority-1")
    news = [News(signed=forger.sign_record(world.device), append_ms=START_MS)]

    learnt = learn(told(world, world.key_set()), news)

    assert learnt.refused == ("signature",)
    assert learnt.registries.devices == {}


def test_a_key_that_may_sign_parts_may_not_sign_devices() -> None:
    world = World()
    news = [News(signed=world.signer.sign_record(world.device), append_ms=START_MS)]

    learnt = learn(told(world, world.key_set()), news)

    assert learnt.refused == ("unknown_key",)


def test_a_key_set_counts_under_the_root_alone() -> None:
    world = World()
    before = told(world, world.key_set())
    forged = [
        SigningKey.generate(ROOT).sign_record(KeySet(version=9, certs=())),
        world.authority.sign_record(KeySet(version=9, certs=())),
    ]

    learnt = learn(before, [News(signed=s, append_ms=START_MS) for s in forged])

    assert learnt.registries.keyring == before.keyring
    assert learnt.refused == ("signature",)


def test_a_key_had_to_be_in_force_when_the_record_was_appended() -> None:
    world = World()
    news = [News(signed=world.authority.sign_record(world.device), append_ms=5_000_000_000_000)]

    learnt = learn(told(world, world.key_set()), news)

    assert learnt.refused == ("key_expired",)


def test_records_that_come_before_their_key_wait_for_it() -> None:
    world = World()
    key_set, *rest = world.news()

    early = told(world, *rest)
    later = told(world, key_set, start=early)

    assert early.devices == {}
    assert later.waiting == ()
    assert later.devices == {world.device.device: world.device}
    assert later.persons == {world.person.person: world.person}
    assert set(later.beacons.leases) == {1}


def test_records_of_a_key_that_never_comes_are_bounded() -> None:
    world = World()
    stranger = SigningKey.generate("nobody").sign_record(world.device)
    news = [News(signed=stranger, append_ms=START_MS)] * 1500

    learnt = learn(told(world, world.key_set()), news)

    assert len(learnt.registries.waiting) == 1024
    assert learnt.refused == ("waiting_overflow",) * 476


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_versions_only_rise(order: tuple[int, int]) -> None:
    world = World()
    states = {1: "active", 2: "revoked"}
    devices = [replace(world.device, version=v, state=states[v]) for v in order]
    signed = [world.authority.sign_record(device) for device in devices]

    registries = told(world, world.key_set(), *signed)

    assert registries.devices[world.device.device].state == "revoked"


def test_learning_changes_nothing_in_place() -> None:
    world = World()
    before = told(world, world.key_set())

    after = told(world, world.authority.sign_record(world.device), start=before)

    assert before.devices == {}
    assert len(after.devices) == 1


def test_beacons_add_up_to_pauses() -> None:
    world = World()
    rows = [(1, 10, ""), (2, 20, GROUP), (3, 30, GROUP), (4, 40, ""), (5, 50, GROUP)]
    beacons = [world.beacon(n, at, *filter(None, [who])) for n, at, who in rows]

    registries = told(world, world.key_set(), *map(world.authority.sign_record, beacons))

    pauses = registries.beacons.pauses[GROUP]
    assert pauses == (Pause(from_ms=20, to_ms=40), Pause(from_ms=50, to_ms=0))


def test_a_beacon_number_that_does_not_rise_teaches_nothing() -> None:
    world = World()
    first, replayed = world.beacon(5, START_MS, GROUP), world.beacon(4, START_MS + 1)
    registries = told(world, world.key_set(), world.authority.sign_record(first))

    after = told(world, world.authority.sign_record(replayed), start=registries)

    assert after.beacons == registries.beacons


def test_who_was_taken_away_while_waiting_for_the_registries_ends_nobody() -> None:
    """A rebalance cancels the record in hand, and with it the future that it waits for."""
    gone: Future[Mapping[int, int]] = Future()
    stays: Future[Mapping[int, int]] = Future()
    gone.cancel()

    answer([gone, stays], {0: 7})

    assert stays.result(0) == {0: 7}
