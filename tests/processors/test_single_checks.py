"""Checks that other checks would cover up: each alone, with a record that only it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from overt_processors.core import activity, admission, opening, refine
from overt_processors.core.outcome import Dropped, Erased, Outcome, Sealed, SetAside
from overt_processors.core.registry import News, Pause, learn
from overt_processors.core.sealing import Segments
from overt_schemas.columns import THINNED
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import header as clear
from overt_schemas.envelope.marks import WithheldMark, verify_mark
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.ids import day_of, week_of
from overt_schemas.records import BootEnd, Gap, PersonKey, PolicyRef, SealedBatch
from overt_schemas.topics import FRAME
from tests.processors.feed_world import grant
from tests.processors.test_sealing import Run
from tests.processors.world import (
    GROUP,
    NOW,
    START_MS,
    World,
    frame_batch,
    input_batch,
    spoilt,
)

PLAIN = input_batch(START_MS)
DAY_MS = 86_400_000


def reason_of(outcome: Outcome) -> str:
    assert isinstance(outcome, SetAside), outcome
    return outcome.reason


# --- a period that was opened before ------------------------------------------------------


@pytest.mark.parametrize("field", ["device", "boot", "period"])
def test_a_period_opened_before_is_held_to_each_name_in_the_clear_header(field: str) -> None:
    world = World()
    head = clear.unpack(world.seal(PLAIN).record.header)
    changes: dict[str, Any] = {field: 7 if field == "period" else bytes(16)}
    other = replace(head, **changes)

    opening.check_period(head, world.period().header)
    with pytest.raises(Untrusted):
        opening.check_period(other, world.period().header)


@pytest.mark.parametrize("field", ["period", "wrap", "period_signature"])
def test_a_period_opened_before_vouches_for_nothing_that_differs_from_it(field: str) -> None:
    world, memory = World(), refine.Memory()
    good, other = world.seal(PLAIN).record, world.seal(PLAIN, world.period(1)).record
    mixed: SealedBatch = replace(good, **{field: getattr(other, field)})
    registries, keys = world.registries(), world.keys()

    first = refine.step(memory, registries, keys, world.raw(good), NOW)
    second = refine.step(memory, registries, keys, world.raw(mixed), NOW)

    assert isinstance(first, Sealed)
    assert reason_of(second) == "signature"


def test_the_number_of_content_keys_is_bounded_and_a_revoke_drops_all() -> None:
    world, memory = World(), refine.Memory(periods=opening.Periods(limit=2))
    registries, keys = world.registries(), world.keys()

    for number in range(4):
        raw = world.raw(world.seal(PLAIN, world.period(number)).record)
        refine.step(memory, registries, keys, raw, NOW)
    held = len(memory.periods)
    memory.clear()

    assert held == 2
    assert len(memory.periods) == 0


def test_content_keys_of_an_epoch_that_is_over_are_dropped_and_no_others() -> None:
    world, memory = World(), refine.Memory()
    registries, keys = world.registries(), world.keys()
    refine.step(memory, registries, keys, world.raw(world.seal(PLAIN).record), NOW)

    memory.periods.keep({world.scripted.processor_key})
    kept = memory.periods.epochs()
    memory.periods.keep({"seal-2"})

    assert kept == {world.scripted.processor_key}
    assert len(memory.periods) == 0


# --- persons, consents, policies -----------------------------------------------------------


def test_a_person_who_is_neither_active_nor_erased_is_refused() -> None:
    world = World()
    world.change_person(state="suspended")

    assert reason_of(world.refine_batch(PLAIN)) == "person_state"


def test_admission_alone_refuses_somebody_erased() -> None:
    world = World()
    world.change_person(state="erased")
    head = clear.unpack(world.seal(PLAIN).record.header)

    with pytest.raises(Erased):
        admission.admit(world.registries(), world.device, head, world.period().header, None)


def test_what_belongs_to_somebody_erased_is_not_even_opened() -> None:
    world = World()
    world.change_person(state="erasing")
    record = world.seal(PLAIN).record

    torn = replace(record, ciphertext=spoilt(record.ciphertext))

    assert world.refine(torn) == Dropped(reason="erased")


def test_only_the_consent_that_a_batch_names_counts() -> None:
    world = World()
    world.change_person(consents=(replace(world.consent, consent="c-other"),))

    assert reason_of(world.refine_batch(PLAIN)) == "unknown_consent"


def test_a_policy_of_another_group_is_refused_though_a_beacon_names_it_for_the_device() -> None:
    world = World()
    world.change_device(group="other")
    ref = PolicyRef(group="other", policy=world.scripted.policy)
    world.beacons = [replace(world.beacons[0], policies=(ref,))]

    assert reason_of(world.refine_batch(PLAIN)) == "policy"


def test_a_beacon_without_a_policy_for_the_group_allows_none_whatever_the_next_one_brings() -> None:
    world = World()
    world.beacons = [replace(world.beacons[0], policies=()), world.beacon(2, START_MS)]

    assert reason_of(world.refine_batch(PLAIN)) == "policy"


def test_a_batch_is_sealed_for_the_key_of_its_own_week() -> None:
    world = World()
    key = world.person.keys[0]
    others = tuple(
        PersonKey(key_id=f"k-{week}", week=week, public=key.public)
        for week in (week_of(START_MS - 7 * DAY_MS), week_of(START_MS + 7 * DAY_MS))
    )
    world.change_person(keys=(others[0], key, others[1]))

    outcome = world.refine_batch(PLAIN)

    assert isinstance(outcome, Sealed)
    assert outcome.part.person_key == key.key_id


# --- a frame batch in which nothing happened ----------------------------------------------


def test_an_empty_frame_batch_is_no_earlier_than_its_beacon() -> None:
    world = World()
    period = world.period(0, START_MS - 5000)  # before anything was agreed to

    outcome = world.refine(world.seal(frame_batch(START_MS), period).record, FRAME)

    assert isinstance(outcome, Sealed)


def test_an_empty_frame_batch_is_no_earlier_than_its_period() -> None:
    world = World()
    world.change_person(consents=(replace(world.consent, to_ms=START_MS + 5000),))
    period = world.period(0, START_MS + 6000)

    outcome = world.refine(world.seal(frame_batch(START_MS), period).record, FRAME)

    assert reason_of(outcome) == "no_consent"


# --- what a batch says of itself ----------------------------------------------------------


def gap(**changes: Any) -> Gap:
    return replace(
        Gap(reason="policy", from_us=START_MS * 1000, to_us=START_MS * 1000, count=1), **changes
    )


def test_the_span_of_events_that_go_back_reaches_to_the_latest_of_them() -> None:
    dt = np.array([-7, 900, 5], "<i4").tobytes()

    span = activity.read(replace(PLAIN, dt=dt)).span

    assert span == activity.Span(
        first_us=START_MS * 1000 - 7, last_us=START_MS * 1000 + 900
    )  # fmt: skip


def test_a_frame_batch_of_gaps_alone_has_their_time() -> None:
    batch = frame_batch(START_MS, gaps=(gap(to_us=START_MS * 1000 + 9),))

    span = activity.read(batch).span

    assert span == activity.Span(first_us=START_MS * 1000, last_us=START_MS * 1000 + 9)


@pytest.mark.parametrize("field", ["from_us", "to_us"])
def test_a_frame_batch_with_a_moment_that_no_calendar_holds_is_malformed(field: str) -> None:
    at = 0 if field == "from_us" else 2**60

    with pytest.raises(Malformed):
        activity.read(frame_batch(START_MS, 0, gaps=(gap(**{field: at}),)))


def test_frames_that_reach_further_than_a_batch_are_marked() -> None:
    batch = frame_batch(START_MS, 0, 1)
    last = replace(batch.frames[1], until_us=START_MS * 1000 + 10_000_001)

    assert activity.read(replace(batch, frames=(batch.frames[0], last))).flags == ("bounds",)


@pytest.mark.parametrize("changes", [{"count": -1}, *({"reason": r} for r in sorted(THINNED))])
def test_a_gap_that_no_device_has_is_marked(changes: dict[str, Any]) -> None:
    assert activity.read(replace(PLAIN, gaps=(gap(**changes),))).flags == ("gap",)


def test_a_picture_that_cannot_be_drawn_is_set_aside() -> None:
    batch = frame_batch(START_MS, 0)
    large = replace(batch, frames=(replace(batch.frames[0], width=2**20, height=2**20),))

    assert reason_of(World().refine_batch(large)) == "raster"


# --- tombstones and boot ends -------------------------------------------------------------


def test_a_tombstone_of_a_period_outside_the_calendar_is_refused() -> None:
    world = World()
    period = world.period(0, 1_000_000_000_000)  # 2001: a calendar has it
    drop = envelope.drop(world.seal(PLAIN, period).tombstone, "age")

    assert reason_of(world.refine(drop)) == "time"


def test_a_tombstone_whose_period_the_device_did_not_sign_is_refused() -> None:
    world = World()
    drop = envelope.drop(world.seal(PLAIN).tombstone, "age")

    assert reason_of(world.refine(replace(drop, period_signature=bytes(64)))) == "signature"


def boot_end(world: World, person: str) -> BootEnd:
    return BootEnd(
        device=world.scripted.device, boot=bytes(16), next_boot=world.scripted.boot,
        input_batches=1, frame_batches=1, at_us=START_MS * 1000, clean=True, person=person,
    )  # fmt: skip


def test_a_boot_end_under_no_key_is_refused() -> None:
    world = World()
    signed = world.scripted.signer.sign_record(boot_end(world, world.scripted.person))

    assert reason_of(world.refine(signed, key=None)) == "key"


def test_a_boot_end_for_somebody_the_device_never_sealed_for_is_refused() -> None:
    world = World()
    other = replace(world.person, person="p-00000000000000bb")
    signed = world.scripted.signer.sign_record(boot_end(world, other.person))
    registries = world.registries([*world.news(), world.authority.sign_record(other)])

    outcome = refine.step(refine.Memory(), registries, world.keys(), world.raw(signed), NOW)

    assert reason_of(outcome) == "wrong_person"


def test_a_withheld_mark_is_of_the_day_of_its_events_not_of_its_period() -> None:
    world = World()
    world.change_person(consents=(replace(world.consent, to_ms=START_MS),))
    period = world.period(0, START_MS - DAY_MS)

    outcome = world.refine(world.seal(PLAIN, period).record)

    assert isinstance(outcome, SetAside)
    assert outcome.marker is not None
    mark = verify_mark(outcome.marker, world.signer.public_bytes())
    assert isinstance(mark, WithheldMark)
    assert mark.day == day_of(START_MS)


# --- registries and data keys --------------------------------------------------------------


def told(world: World, *records: object) -> Any:
    news = [
        News(signed=world.authority.sign_record(record), append_ms=START_MS) for record in records
    ]
    return learn(world.registries(), news).registries


def test_a_pause_that_ended_is_not_ended_again_by_later_beacons() -> None:
    world = World()
    at = [START_MS + n * 20_000 for n in range(4)]
    world.beacons = [
        world.beacon(1, at[0]), world.beacon(2, at[1], GROUP), world.beacon(3, at[2]),
        world.beacon(4, at[3]),
    ]  # fmt: skip

    pauses = world.registries().beacons.pauses[GROUP]

    assert pauses == (Pause(from_ms=at[1], to_ms=at[2]),)


@pytest.mark.parametrize("order", [(2, 3), (3, 2)])
def test_versions_of_persons_and_grants_only_rise(order: tuple[int, int]) -> None:
    world = World()
    states = {2: "active", 3: "ended"}
    persons = [replace(world.person, version=v, state=states[v]) for v in order]
    grants = [grant("g-1", world, version=v, state=states[v]) for v in order]

    registries = told(world, *persons, *grants)
    one_by_one = world.registries()
    for record in grants:
        news = [News(signed=world.authority.sign_record(record), append_ms=START_MS)]
        one_by_one = learn(one_by_one, news).registries

    assert registries.persons[world.person.person].state == "ended"
    assert registries.grants["g-1"].state == "ended"
    assert one_by_one.grants["g-1"].state == "ended"


def test_a_segment_that_began_anew_is_as_old_as_its_new_key() -> None:
    """Else it would stand in front of older ones and keep their keys alive."""
    world = World()
    run = Run(world)
    seconds = 1_000_000_000

    def at(seconds_in: int) -> Any:
        return replace(NOW, boot_ns=seconds_in * seconds)

    first = world.scripted.boot
    run.part(now=at(0))
    world.scripted.boot = bytes([9]) * 16
    run.period = world.period()
    run.part(now=at(60))
    world.scripted.boot = first
    run.period = world.period()
    run.part(now=at(100), segment=1)

    run.part(now=at(185), segment=1)

    assert isinstance(run.memory.segments, Segments)
    assert len(run.memory.segments) == 1
