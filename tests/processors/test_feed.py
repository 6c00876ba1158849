from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_authority.grants import rules
from overt_processors.core import feed
from overt_schemas.envelope import marks
from overt_schemas.errors import Malformed, Refused, Untrusted
from overt_schemas.feed import key_of
from overt_schemas.ids import SessionId
from overt_schemas.signing import SigningKey
from tests.processors.feed_world import NOW_MS, PURPOSE, Parts, grant, registries, routed
from tests.processors.world import START_MS, World


def test_a_part_goes_to_every_grant_that_covers_it_and_to_no_other() -> None:
    world = World()
    known = registries(
        world, grant("g-1", world), grant("g-2", world, streams=(0,)),
        grant("g-3", world, cohort=("p-somebody-else",)),
    )  # fmt: skip

    assert set(routed(known, Parts(world).part())) == {"g-1", "g-2"}


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "requested"},
        {"state": "ended"},
        {"approvers": ("op-1",)},
        {"approvers": ("op-1", "alice")},
        {"approvers": ("op-1", "op-1")},
        {"not_before_ms": NOW_MS + 1},
        {"not_after_ms": NOW_MS},
        {"cohort": ("p-somebody-else",)},
        {"streams": (1,)},
        {"purpose": "advertising"},
    ],
    ids=str,
)
def test_any_one_condition_of_a_grant_that_fails_keeps_a_part_out(changes: dict[str, Any]) -> None:
    world = World()

    assert routed(registries(world, grant("g-1", world, **changes)), Parts(world).part()) == ()


@pytest.mark.parametrize("state", ["erasing", "erased", "unheard-of"])
def test_an_erased_person_is_out_with_the_next_record(state: str) -> None:
    world = World()
    held, value = grant("g-1", world), Parts(world).part()
    before = routed(registries(world, held), value)

    world.change_person(state=state)

    assert (before, routed(registries(world, held), value)) == (("g-1",), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"to_ms": START_MS + 1},
        {"purposes": ("quality",)},
        {"device": bytes(16)},
        {"policy": "0" * 64},
        {"consent": "c-another"},
    ],
    ids=str,
)
def test_a_part_whose_consent_does_not_stand_today_stays_out(changes: dict[str, Any]) -> None:
    world = World()
    world.change_person(consents=(replace(world.consent, **changes),))

    assert routed(registries(world, grant("g-1", world)), Parts(world).part()) == ()


def test_a_person_nobody_has_heard_of_is_in_no_feed() -> None:
    world = World()
    value = Parts(world).part(person="p-unknown")

    assert routed(registries(world, grant("g-1", world, cohort=("p-unknown",))), value) == ()


def test_marks_follow_their_person_and_a_notice_goes_to_every_grant_in_force() -> None:
    world = World()
    known = registries(
        world, grant("g-both", world), grant("g-frames", world, streams=(1,)),
        grant("g-others", world, cohort=("p-2",)), grant("g-over", world, state="ended"),
    )  # fmt: skip
    parts = Parts(world)

    assert set(routed(known, parts.mark())) == {"g-both"}
    assert set(routed(known, parts.mark(marks.WithheldMark, reason="no_consent"))) == {"g-both"}
    assert set(routed(known, parts.mark(marks.BootEndMark))) == {"g-both", "g-frames"}
    assert set(routed(known, parts.mark(marks.NoticeMark))) == {"g-both", "g-frames", "g-others"}


def test_what_no_processor_signed_goes_nowhere() -> None:
    world = World()
    known, parts = registries(world, grant("g-1", world)), Parts(world)
    forger = SigningKey("sign-1", bytes(32))

    with pytest.raises(Untrusted):
        routed(known, parts.part(signer=forger))
    with pytest.raises(Untrusted) as unknown:
        routed(known, parts.part(processor="sign-2"))
    for value in (None, b"", b"\x00\x00", parts.part()[:-1]):
        with pytest.raises(Malformed):
            routed(known, value)
    assert unknown.value.reason in feed.UNSURE


def test_the_key_in_a_feed_is_the_session_and_one_for_the_marks_of_a_boot() -> None:
    world = World()
    known, parts = registries(world, grant("g-1", world)), Parts(world)
    table = feed.Table().follow(known.grants)

    def key(value: bytes) -> bytes:
        return feed.route(table, known, value, START_MS, NOW_MS).key

    session = SessionId(device=world.device.device, boot=world.scripted.boot, activity=7)
    assert key(parts.part(activity=7)) == key_of(session)
    assert key(parts.mark()) == key_of(replace(session, activity=-1))
    assert key(parts.mark(marks.NoticeMark)) == b""


def test_a_table_is_made_anew_only_when_a_grant_changed() -> None:
    world = World()
    held = grant("g-1", world)
    table = feed.Table().follow(registries(world, held).grants)

    assert table.follow(table.of) is table
    ended = registries(world, replace(held, version=2, state="ended"))
    assert table.follow(ended.grants).by_person == {}


_STATES = st.sampled_from(["active", "erasing", "erased", None])
_CHOICE = st.sampled_from([True, True, True, False])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_feed_carries_exactly_what_the_authority_would_release(data: st.DataObject) -> None:
    world = World()

    def pick(good: Any, bad: Any) -> Any:
        return good if data.draw(_CHOICE) else bad

    held = grant(
        "g-1", world, streams=pick((0, 1), (1,)), purpose=pick(PURPOSE, "advertising"),
        cohort=pick((world.person.person,), ("p-2",)), state=pick("active", "ended"),
        approvers=pick(("op-1", "op-2"), ("op-1", "alice")),
        not_after_ms=pick(NOW_MS + 1, NOW_MS),
    )  # fmt: skip
    span = replace(
        world.consent,
        to_ms=pick(0, 5),
        purposes=pick((PURPOSE, "advertising"), ()),
        device=pick(world.device.device, bytes(16)),
    )
    person = replace(world.person, state=data.draw(_STATES) or "", consents=(span,))
    is_mark = data.draw(st.booleans())
    header = Parts(world).header(purposes=pick((PURPOSE, "advertising"), ("quality",)))

    about = feed.About(
        person=header.person, processor="", device=header.device, stream=header.stream
    )
    if not is_mark:
        about = replace(
            about, policy=header.policy, consent=header.consent, purposes=header.purposes
        )
    asked = rules.Segment(
        person=header.person,
        device=header.device,
        stream=header.stream,
        policy=about.policy,
        consent=about.consent,
        purposes=about.purposes,
    )

    assert feed.covers(held, about, person, NOW_MS) == _released(held, asked, person)


def _released(held: Any, asked: rules.Segment, person: Any) -> bool:
    try:
        rules.check_grant(rules.Held(grant=held, requester="op-3"), held.subscriber, NOW_MS)
    except Refused:
        return False
    return rules.refusal(held, asked, person) is None


def test_the_value_is_verified_as_a_whole() -> None:
    world = World()
    known, value = registries(world, grant("g-1", world)), Parts(world).part()

    with pytest.raises((Untrusted, Malformed)):
        routed(known, value[:-1] + bytes([value[-1] ^ 1]))
