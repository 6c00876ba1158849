"""Every check has a record that only it refuses."""

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_processors.core import refine
from overt_processors.core.outcome import Dropped, Outcome, Sealed, SetAside, Unsure
from overt_schemas import codec
from overt_schemas.catalogue import ID_OF
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import header as clear
from overt_schemas.envelope import marks, padding
from overt_schemas.ids import new_id
from overt_schemas.records import (
    BootEnd,
    Part,
    PauseSpan,
    PeriodHeader,
    SealedBatch,
    SealSpan,
    Signed,
)
from overt_schemas.signing import SigningKey, device_key_id, policy_hash
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import FRAME, INPUT
from tests.processors.world import (
    NOW,
    START_MS,
    World,
    frame_batch,
    input_batch,
    spoilt,
)

PLAIN = input_batch(START_MS)


def reason_of(outcome: Outcome) -> str:
    assert isinstance(outcome, SetAside | Dropped | Unsure), outcome
    return outcome.reason


def sealed_batch(world: World) -> SealedBatch:
    return world.seal(PLAIN).record


def test_a_good_batch_passes_so_that_the_refusals_mean_something() -> None:
    world = World()

    assert isinstance(world.refine(sealed_batch(world)), Sealed)


# --- what the record itself shows ---------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 5}, {"segment": 5}, {"beacon": 2}, {"previous": bytes([1]) * 32},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_transplanted_header_does_not_open(change: dict[str, object]) -> None:
    world = World()
    world.beacons.append(world.beacon(2, START_MS))
    record = sealed_batch(world)
    head = replace(clear.unpack(record.header), **change)  # type: ignore[arg-type]

    outcome = world.refine(replace(record, header=head.pack()))

    assert reason_of(outcome) == "tag"


def test_a_header_on_another_boots_period_is_refused() -> None:
    world = World()
    record = sealed_batch(world)
    other = replace(clear.unpack(record.header), boot=new_id())

    outcome = world.refine(replace(record, header=other.pack()))

    assert reason_of(outcome) == "period"


def test_a_batch_sealed_for_another_period_number_is_refused() -> None:
    world = World()
    period = world.period()
    lying = replace(period, header=replace(period.header, period=9))

    outcome = world.refine(world.seal(PLAIN, lying).record)

    assert reason_of(outcome) == "period"


def test_a_changed_period_header_is_not_the_devices() -> None:
    world = World()
    record = sealed_batch(world)
    period = replace(codec.unpack(PeriodHeader, record.period), person="p-ffffffffffffffff")

    outcome = world.refine(replace(record, period=codec.pack(period)))

    assert reason_of(outcome) == "signature"


def test_a_period_header_of_any_length_is_not_kept() -> None:
    # Signed by its device and wrapped right: thousands of them are remembered, whoever they name.
    world, memory = World(), refine.Memory()
    for policy, reason in (("f" * 900_000, "period"), ("f" * 64, "unknown_person")):
        header = replace(world.period().header, policy=policy, person="p-nobody")
        period = envelope.open_period(
            header, world.scripted.processor.public_bytes(), world.scripted.signer
        )
        raw = world.raw(world.seal(PLAIN, period).record)

        outcome = refine.step(memory, world.registries(), world.keys(), raw, NOW, settled=True)

        assert reason_of(outcome) == reason
    assert len(memory.periods) == 1


def test_a_swapped_wrap_is_not_the_devices() -> None:
    world = World()
    record = sealed_batch(world)

    outcome = world.refine(replace(record, wrap=world.period(1).wrap))

    assert reason_of(outcome) == "signature"


def test_a_wrap_for_another_key_than_it_names_is_refused() -> None:
    world = World()
    stranger = replace_processor(world)

    outcome = world.refine(stranger.seal(stranger.period(), PLAIN).record)

    assert reason_of(outcome) == "wrap"


def replace_processor(world: World) -> ScriptedDevice:
    return ScriptedDevice(policy=world.scripted.policy)  # same device, its own processor key


def test_a_truncated_ciphertext_does_not_open() -> None:
    world = World()
    record = sealed_batch(world)

    outcome = world.refine(replace(record, ciphertext=record.ciphertext[:-1]))

    assert reason_of(outcome) == "tag"


def test_a_short_nonce_is_refused() -> None:
    world = World()

    outcome = world.refine(replace(sealed_batch(world), iv=b"short"))

    assert reason_of(outcome) == "header"


def test_a_truncated_record_is_refused() -> None:
    world = World()
    value = codec.encode(sealed_batch(world))[:-40]

    outcome = world.refine(PLAIN, value=value)

    assert reason_of(outcome) == "malformed"


def seal_padded(world: World, padded: bytes, schema: str = "InputBatch") -> SealedBatch:
    period = world.period()
    record = world.seal(PLAIN, period).record
    header = replace(clear.unpack(record.header), schema=ID_OF[schema]).pack()
    iv = bytes(12)
    return replace(record, header=header, iv=iv, ciphertext=period.key.encrypt(iv, padded, header))


def pad(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body + bytes(max(0, 2044 - len(body)))


def test_a_bomb_is_not_inflated() -> None:
    world = World()
    bomb = zstandard.ZstdCompressor().compress(bytes(padding.INFLATED_LIMIT + 1))

    outcome = world.refine(seal_padded(world, pad(bomb)))

    assert reason_of(outcome) == "bomb"


def test_a_bomb_that_lies_about_its_size_is_not_inflated() -> None:
    world = World()
    body = bytearray(zstandard.ZstdCompressor().compress(bytes(1_000_000)))
    assert body[4] >> 6 == 2  # four bytes of content size follow
    body[5:9] = (10).to_bytes(4, "little")

    outcome = world.refine(seal_padded(world, pad(bytes(body))))

    assert reason_of(outcome) in {"inflate", "malformed"}


def test_a_length_past_the_plaintext_is_refused() -> None:
    world = World()

    outcome = world.refine(seal_padded(world, struct.pack("<I", 5000) + bytes(2044)))

    assert reason_of(outcome) == "padding"


def test_frames_on_the_input_topic_are_refused() -> None:
    world = World()
    record = world.seal(frame_batch(START_MS, 0)).record

    assert reason_of(world.refine(record, INPUT)) == "stream"


def test_a_header_that_names_another_schema_is_refused() -> None:
    world = World()

    outcome = world.refine(seal_padded(world, padding.pack(b""), schema="FrameBatch"))

    assert reason_of(outcome) == "schema_not_allowed"


def test_content_of_another_schema_than_its_header_names_is_refused() -> None:
    world = World()
    padded = padding.pack(codec.pack(world.policy_record))

    outcome = world.refine(seal_padded(world, padded))

    assert reason_of(outcome) == "malformed"


@pytest.mark.parametrize("topic", [INPUT, FRAME])
def test_a_part_is_not_taken_for_a_raw_record(topic: str) -> None:
    world = World()
    part = world.refine(sealed_batch(world))
    assert isinstance(part, Sealed)

    assert isinstance(part.part, Part)
    assert reason_of(world.refine(part.part, topic)) == "schema_not_allowed"


def test_a_boot_end_has_no_place_among_frames() -> None:
    world = World()

    assert reason_of(world.refine(boot_end(world), FRAME)) == "schema_not_allowed"


@pytest.mark.parametrize("key", [None, b"", bytes(16)], ids=["none", "empty", "other"])
def test_a_record_under_another_devices_key_is_refused(key: bytes | None) -> None:
    world = World()

    assert reason_of(world.refine(sealed_batch(world), key=key)) == "key"


def test_a_null_is_refused() -> None:
    world = World()

    assert reason_of(world.refine(PLAIN, value=None)) == "empty"


def test_a_record_too_large_for_a_part_is_set_aside_whole() -> None:
    world = World()
    key, value = bytes(40_000), bytes(range(256)) * 3_938

    outcome = world.refine(PLAIN, key=key, value=value)

    assert isinstance(outcome, SetAside)
    assert outcome.reason == "size"
    assert (outcome.letter.key, outcome.letter.value) == (key, value)


def test_a_number_no_boot_can_reach_is_refused() -> None:
    world = World()
    world.scripted.batches = 2**63

    assert reason_of(world.refine(sealed_batch(world))) == "header"


@pytest.mark.parametrize("stream", ["input", "frame"])
def test_a_batch_number_that_no_reader_takes_becomes_no_part(stream: str) -> None:
    # The session app, sinks and readers refuse it, each anew.
    world = World()
    world.scripted.batches = 2**40
    batch = PLAIN if stream == "input" else frame_batch(START_MS)

    assert reason_of(world.refine_batch(batch)) == "header"


@pytest.mark.parametrize("activity", [-1, -(2**31), 2**31, 2**62])
@pytest.mark.parametrize("stream", ["input", "frame"])
def test_an_activity_that_no_reader_takes_becomes_no_part(stream: str, activity: int) -> None:
    batch = input_batch if stream == "input" else frame_batch

    outcome = World().refine_batch(batch(START_MS, activity=activity))

    assert reason_of(outcome) == "bounds"


@pytest.mark.parametrize("start_us", [2**62, -1, 0], ids=["far", "negative", "zero"])
def test_a_time_that_no_calendar_holds_is_refused(start_us: int) -> None:
    world = World()

    outcome = world.refine_batch(replace(PLAIN, start_us=start_us))

    assert reason_of(outcome) == "time"


def test_a_period_outside_the_calendar_is_refused() -> None:
    world = World()
    period = world.period(0, 2**50)

    assert reason_of(world.refine(world.seal(PLAIN, period).record)) == "time"


def test_columns_of_different_lengths_are_refused() -> None:
    world = World()

    assert reason_of(world.refine_batch(replace(PLAIN, x=b""))) == "columns"


# --- what the registries say ---------------------------------------------------------------


def test_a_forged_device_is_refused() -> None:
    world = World()
    world.change_device(signing_key=SigningKey("other", bytes([7]) * 32).public_bytes())

    assert reason_of(world.refine(sealed_batch(world))) == "signature"


def test_a_signature_seen_before_does_not_survive_a_change_of_the_devices_key() -> None:
    world, memory = World(), refine.Memory()
    raw = world.raw(sealed_batch(world))
    before = refine.step(memory, world.registries(), world.keys(), raw, NOW)
    world.change_device(signing_key=SigningKey("other", bytes([7]) * 32).public_bytes())

    after = refine.step(memory, world.registries(), world.keys(), raw, NOW)

    assert isinstance(before, Sealed)
    assert reason_of(after) == "signature"


Arrange = Callable[[World], object]


def nobody(world: World) -> None:
    stranger = "p-ffffffffffffffff"
    world.change_person(person=stranger)


UNKNOWN: dict[str, Arrange] = {
    "unknown_device": lambda w: w.change_device(device=bytes(16)),
    "unknown_person": nobody,
    "unknown_consent": lambda w: w.change_person(consents=()),
    "unknown_beacon": lambda w: w.beacons.clear(),
    "unknown_person_key": lambda w: w.change_person(keys=()),
    "unknown_epoch": lambda w: setattr(w.scripted, "processor_key", "seal-2"),
}


@pytest.mark.parametrize("reason", UNKNOWN)
def test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside(
    reason: str,
) -> None:
    world = World()
    keys = world.keys()
    UNKNOWN[reason](world)
    registries, raw = world.registries(), world.raw(sealed_batch(world))

    asked = refine.step(refine.Memory(), registries, keys, raw, NOW)
    settled = refine.step(refine.Memory(), registries, keys, raw, NOW, settled=True)

    assert isinstance(asked, Unsure)
    assert isinstance(settled, SetAside)
    assert asked.reason == settled.reason == reason


def test_an_unknown_policy_is_unsure_too() -> None:
    world = World()
    news = [signed for signed in world.news() if signed is not world.policy]
    raw = world.raw(sealed_batch(world))

    outcome = refine.step(refine.Memory(), world.registries(news), world.keys(), raw, NOW)

    assert reason_of(outcome) == "unknown_policy"


LATER = START_MS + 1000


REFUSED: dict[str, tuple[Arrange, str]] = {
    "revoked device": (lambda w: w.change_device(state="revoked"), "device_revoked"),
    "device never sealed for anybody": (lambda w: w.change_device(spans=()), "wrong_person"),
    "device seals for somebody else": (
        lambda w: w.change_device(spans=(replace(w.device.spans[0], person="p-other"),)),
        "wrong_person",
    ),
    "span begins later": (
        lambda w: w.change_device(
            spans=(SealSpan(person=w.scripted.person, from_ms=LATER, to_ms=0),)
        ),
        "wrong_person",
    ),
    "span ended before": (
        lambda w: w.change_device(
            spans=(SealSpan(person=w.scripted.person, from_ms=1, to_ms=START_MS),)
        ),
        "wrong_person",
    ),
    "withdrawn consent": (
        lambda w: w.change_person(consents=(replace(w.consent, to_ms=START_MS),)),
        "no_consent",
    ),
    "consent given later": (
        lambda w: w.change_person(consents=(replace(w.consent, from_ms=LATER),)),
        "no_consent",
    ),
    "consent of another device": (
        lambda w: w.change_person(consents=(replace(w.consent, device=bytes(16)),)),
        "no_consent",
    ),
    "consent to another policy": (
        lambda w: w.change_person(consents=(replace(w.consent, policy="f" * 64),)),
        "no_consent",
    ),
    "device of another group": (lambda w: w.change_device(group="other"), "policy"),
    "beacon of another policy": (
        lambda w: w.beacons.__setitem__(0, w.beacon(1, START_MS, policy="f" * 64)),
        "policy",
    ),
    "beacon issued later": (
        lambda w: w.beacons.__setitem__(0, w.beacon(1, START_MS + 10_001)),
        "outside_lease",
    ),
    "beacon ended before": (
        lambda w: w.beacons.__setitem__(0, w.beacon(1, START_MS - 70_001)),
        "outside_lease",
    ),
    "group paused before": (
        lambda w: w.beacons.__setitem__(
            slice(None), [w.beacon(0, START_MS - 10_003, "lab"), w.beacon(1, START_MS, "lab")]
        ),
        "after_pause",
    ),
    "device paused before": (
        lambda w: w.change_device(pauses=(PauseSpan(from_ms=START_MS - 10_003, to_ms=0),)),
        "after_pause",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_registry_does_not_allow_at_event_time_is_set_aside(case: str) -> None:
    world = World()
    arrange, reason = REFUSED[case]
    arrange(world)

    outcome = world.refine(sealed_batch(world))

    assert isinstance(outcome, SetAside)
    assert outcome.reason == reason
    assert (outcome.marker is not None) == (reason in marks.WITHHELD_REASONS)


def test_a_forbidden_batch_leaves_a_mark_that_says_which_and_why() -> None:
    world = World()
    world.change_person(consents=(replace(world.consent, to_ms=START_MS),))
    sealed = world.seal(PLAIN)
    raw = world.raw(sealed.record)

    outcome = refine.step(refine.Memory(), world.registries(), world.keys(), raw, NOW)

    assert isinstance(outcome, SetAside)
    assert outcome.marker is not None
    mark = marks.verify_mark(outcome.marker, world.signer.public_bytes())
    head = clear.unpack(sealed.record.header)
    assert mark == marks.WithheldMark(
        person=world.scripted.person, device=head.device, boot=head.boot, stream=0,
        batch=head.batch, segment=head.segment, day="2025-11-24", reason="no_consent",
        raw=envelope.hash_of(sealed.record), previous=head.previous, partition=raw.partition,
        offset=raw.offset,
    )  # fmt: skip
    assert outcome.marker.evidence == b""


@pytest.mark.parametrize("settled", [True, False])
def test_what_is_broken_or_unknown_leaves_no_mark(settled: bool) -> None:
    world, broken = World(), World()
    record = sealed_batch(broken)
    changed = replace(record, ciphertext=spoilt(record.ciphertext))
    world.change_person(consents=())

    outcomes = [
        world.refine(sealed_batch(world), settled=settled),
        broken.refine(changed, settled=settled),
    ]

    assert not any(isinstance(o, SetAside) and o.marker is not None for o in outcomes)


def test_the_dead_letter_holds_the_record_as_it_came_and_where_it_came_from() -> None:
    world = World()
    world.change_device(state="revoked")
    raw = world.raw(sealed_batch(world))

    outcome = refine.step(refine.Memory(), world.registries(), world.keys(), raw, NOW)

    assert isinstance(outcome, SetAside)
    letter = outcome.letter
    where = (letter.topic, letter.partition, letter.offset)
    assert where == (raw.topic, raw.partition, raw.offset)
    assert (letter.key, letter.value) == (raw.key, raw.value)
    assert (letter.at_ms, letter.processor) == (NOW.wall_ms, "sign-1")


@pytest.mark.parametrize("state", ["erasing", "erased"])
def test_what_belongs_to_somebody_erased_is_dropped_whatever_it_is(state: str) -> None:
    world = World()
    world.change_person(state=state, keys=(), consents=())
    sealed = world.seal(PLAIN)
    drop = envelope.drop(sealed.tombstone, "age")

    outcomes = [world.refine(r) for r in (sealed.record, drop, boot_end(world))]

    assert outcomes == [Dropped(reason="erased")] * 3


def test_what_an_erased_device_sends_is_dropped() -> None:
    world = World()
    world.change_device(state="erased")

    assert world.refine(sealed_batch(world)) == Dropped(reason="erased")


# --- pauses and policies in time -----------------------------------------------------------


def paused_world(resumed_ms: int = 0) -> World:
    """Beacon 2 pauses the group at START + 20 s; beacon 3 resumes it where a time is given."""
    world = World()
    world.beacons.append(world.beacon(2, START_MS + 20_000, "lab"))
    if resumed_ms:
        world.beacons.append(world.beacon(3, resumed_ms))
    return world


@pytest.mark.parametrize(("at_s", "passes"), [(20, True), (29.9, True), (30.1, False), (59, False)])
def test_ten_seconds_after_a_pause_nothing_passes(at_s: float, passes: bool) -> None:
    world = paused_world()

    outcome = world.refine_batch(input_batch(START_MS + round(at_s * 1000)))

    assert isinstance(outcome, Sealed) is passes
    assert passes or reason_of(outcome) == "after_pause"


@pytest.mark.parametrize(
    ("at_s", "beacon", "passes"),
    [(41, 3, True), (41, 1, True), (39, 1, False), (39, 3, True), (29.9, 3, False)],
)
def test_after_the_resume_only_who_has_its_beacon_gets_the_slack(
    at_s: float, beacon: int, passes: bool
) -> None:
    world = paused_world(resumed_ms=START_MS + 40_000)

    outcome = world.refine_batch(input_batch(START_MS + round(at_s * 1000)), beacon=beacon)

    assert isinstance(outcome, Sealed) is passes


def test_a_batch_whose_tail_reaches_into_a_pause_is_refused() -> None:
    world = paused_world()
    batch = input_batch(START_MS + 29_500, dt=(900_000).to_bytes(4, "little") * 3)

    assert reason_of(world.refine_batch(batch)) == "after_pause"


def test_the_second_in_which_a_policy_changed_passes_under_either() -> None:
    world = World()
    newer = world.authority.sign_record(replace(world.policy_record, version=2))
    old, new = world.scripted.policy, policy_hash(newer)
    world.beacons.append(world.beacon(2, START_MS + 20_000, policy=new))
    world.change_person(consents=(world.consent, replace(world.consent, policy=new)))
    world.scripted.policy = new
    raw = world.raw(world.seal(input_batch(START_MS + 20_000), beacon=1).record)

    registries = world.registries([*world.news(), newer])
    outcome = refine.step(refine.Memory(), registries, world.keys(), raw, NOW)

    assert old != new
    assert isinstance(outcome, Sealed)


# --- tombstones and boot ends --------------------------------------------------------------


def boot_end(world: World, **changes: object) -> Signed:
    end = BootEnd(
        device=world.scripted.device, boot=bytes(16), next_boot=world.scripted.boot,
        input_batches=1, frame_batches=1, at_us=START_MS * 1000, clean=True,
        person=world.scripted.person,
    )  # fmt: skip
    return world.scripted.signer.sign_record(replace(end, **changes))  # type: ignore[arg-type]


def test_a_tombstone_that_capture_did_not_make_is_refused() -> None:
    world = World()
    tombstone = envelope.drop(world.seal(PLAIN).tombstone, "age")

    outcome = world.refine(replace(tombstone, content_hash=bytes(32)))

    assert reason_of(outcome) == "signature"


def test_a_forget_without_its_second_signature_is_refused() -> None:
    world = World()
    tombstone = envelope.drop(world.seal(PLAIN).tombstone, "age")

    outcome = world.refine(replace(tombstone, reason="forget"))

    assert reason_of(outcome) == "signature"


def test_a_tombstone_for_another_person_is_refused() -> None:
    world = World()
    world.change_device(spans=())

    outcome = world.refine(envelope.drop(world.seal(PLAIN).tombstone, "age"))

    assert reason_of(outcome) == "wrong_person"


def test_a_tombstone_with_a_foreign_header_is_refused() -> None:
    world = World()
    tombstone = envelope.drop(world.seal(PLAIN).tombstone, "age")
    head = replace(clear.unpack(tombstone.header), batch=4, period=3)

    outcome = world.refine(replace(tombstone, header=head.pack()))

    assert reason_of(outcome) == "period"


def test_a_period_verified_before_does_not_vouch_for_a_header_of_another() -> None:
    world, memory = World(), refine.Memory()
    registries, keys, period = world.registries(), world.keys(), world.period()
    lying = replace(period, header=replace(period.header, period=9))
    raws = [world.raw(world.seal(PLAIN, p).record) for p in (period, lying)]

    outcomes = [refine.step(memory, registries, keys, raw, NOW) for raw in raws]

    assert isinstance(outcomes[0], Sealed)
    assert reason_of(outcomes[1]) == "period"


BOOT_ENDS: dict[str, tuple[dict[str, object], str]] = {
    "of another device": ({"device": bytes(16)}, "header"),
    "of nobody it sealed for": ({"person": "p-other"}, "unknown_person"),
    "at no time": ({"at_us": 0}, "time"),
    "with a count below nothing": ({"input_batches": -1}, "bounds"),
    "with a count past all": ({"frame_batches": 2**60}, "bounds"),
}


@pytest.mark.parametrize("case", BOOT_ENDS)
def test_an_impossible_boot_end_is_refused(case: str) -> None:
    world = World()
    changes, reason = BOOT_ENDS[case]

    assert reason_of(world.refine(boot_end(world, **changes))) == reason


def test_a_boot_end_signed_by_another_key_is_refused() -> None:
    world = World()
    forged = SigningKey(device_key_id(world.scripted.device), bytes([9]) * 32)
    signed = replace(boot_end(world), signature=forged.sign_record(world.policy_record).signature)

    assert reason_of(world.refine(signed)) == "signature"


def test_a_signed_record_of_another_kind_has_no_place_on_the_input_topic() -> None:
    world = World()
    signed = world.scripted.signer.sign_record(world.policy_record)

    assert reason_of(world.refine(signed)) == "schema_not_allowed"


def test_the_authoritys_own_records_are_no_boot_ends() -> None:
    world = World()

    assert reason_of(world.refine(world.policy)) == "key"


# --- whatever comes -----------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_bytes_whatever_break_the_step(data: st.DataObject) -> None:
    world = WORLD
    value = data.draw(st.sampled_from(SAMPLES))
    at = data.draw(st.integers(0, len(value) - 1))
    junk = data.draw(st.binary(max_size=40))
    cut = data.draw(st.integers(0, 40))

    outcome = world.refine(PLAIN, value=value[:at] + junk + value[at + cut :])

    assert outcome is not None


@settings(max_examples=200, deadline=None)
@given(plain=st.binary(max_size=400))
def test_nothing_sealed_breaks_the_step(plain: bytes) -> None:
    world = WORLD

    outcome = world.refine(seal_padded(world, padding.pack(plain)))

    assert outcome is not None


@settings(max_examples=100, deadline=None)
@given(
    numbers=st.fixed_dictionaries(
        {
            name: st.integers(-(2**63), 2**63 - 1)
            for name in ("start_us", "first_seq", "prev_seq", "prev_event_us", "frame_actions")
        }
    ),
    activity=st.integers(-(2**31), 2**31 - 1),
)
def test_no_number_inside_a_seal_breaks_the_step(numbers: dict[str, int], activity: int) -> None:
    world = WORLD
    changes: dict[str, Any] = {"activity": activity, **numbers}
    odd = replace(PLAIN, **changes)

    outcome = world.refine_batch(odd)

    assert outcome is not None


WORLD = World()
SAMPLES = [
    codec.encode(WORLD.seal(PLAIN).record),
    codec.encode(envelope.drop(WORLD.seal(PLAIN).tombstone, "age")),
    codec.encode(boot_end(WORLD)),
]
