"""The matrix of a grant: every condition by itself refuses, with its own code."""

from dataclasses import replace

import pytest

from overt_authority.grants import rules
from overt_authority.grants.rules import Held, Segment
from overt_schemas import api
from overt_schemas.errors import Malformed, Refused
from overt_schemas.records import ConsentSpan, Grant, Person

NOW = 1_000_000
DEVICE, PERSON, POLICY = bytes(16), "p-0000000000000001", "a" * 64
SPAN = ConsentSpan(
    consent="c-1", device=DEVICE, policy=POLICY, purposes=("train", "test"), from_ms=1, to_ms=0
)
WHO = Person(person=PERSON, version=1, state="active", keys=(), consents=(SPAN,))
GRANT = Grant(
    grant="g-1", version=3, subscriber="sub-1", purpose="train", cohort=(PERSON,), streams=(0, 1),
    not_before_ms=NOW - 10, not_after_ms=NOW + 10, approvers=("op-2", "op-3"), state="active",
)  # fmt: skip
HELD = Held(grant=GRANT, requester="op-1")
ASKED = Segment(
    person=PERSON, device=DEVICE, stream=0, policy=POLICY, consent="c-1", purposes=("train",)
)


def held(requester: str = "op-1", **changes: object) -> Held:
    return Held(grant=replace(GRANT, **changes), requester=requester)  # type: ignore[arg-type]


def test_a_grant_in_force_covers_what_it_says() -> None:
    grant = rules.check_grant(HELD, "sub-1", NOW)
    rules.check_purpose(grant, "train")

    assert rules.refusal(grant, ASKED, WHO) is None
    assert rules.refusal(grant, replace(ASKED, stream=1), WHO) is None


@pytest.mark.parametrize(
    ("known", "subscriber", "now", "code"),
    [
        pytest.param(None, "sub-1", NOW, api.NO_GRANT, id="no such grant"),
        pytest.param(HELD, "sub-2", NOW, api.NOT_YOURS, id="another subscriber"),
        pytest.param(HELD, "sub-1", NOW - 11, api.EXPIRED, id="not yet"),
        pytest.param(HELD, "sub-1", NOW + 10, api.EXPIRED, id="no more"),
        pytest.param(held(state="ended"), "sub-1", NOW, api.EXPIRED, id="ended"),
        pytest.param(held(state="requested"), "sub-1", NOW, api.NOT_APPROVED, id="requested"),
        pytest.param(held(approvers=("op-2",)), "sub-1", NOW, api.NOT_APPROVED, id="one approver"),
        pytest.param(
            held(approvers=("op-2", "op-2")), "sub-1", NOW, api.NOT_APPROVED, id="the same twice"
        ),
        pytest.param(
            held(requester="op-3"), "sub-1", NOW, api.NOT_APPROVED, id="the requester is one"
        ),
        pytest.param(held(state="", approvers=()), "sub-1", NOW, api.NOT_APPROVED, id="nothing"),
    ],
)
def test_a_grant_not_in_force_gives_nothing(
    known: Held | None, subscriber: str, now: int, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        rules.check_grant(known, subscriber, now)

    assert refused.value.reason == code


def test_another_purpose_than_the_grants_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        rules.check_purpose(GRANT, "test")

    assert refused.value.reason == api.PURPOSE


@pytest.mark.parametrize(
    ("grant", "asked", "person", "code"),
    [
        pytest.param(replace(GRANT, cohort=("p-2",)), ASKED, WHO, api.OUT_OF_COHORT, id="cohort"),
        pytest.param(GRANT, replace(ASKED, person="p-2"), WHO, api.OUT_OF_COHORT, id="person"),
        pytest.param(replace(GRANT, streams=(1,)), ASKED, WHO, api.OUT_OF_SCOPE, id="stream"),
        pytest.param(GRANT, replace(ASKED, purposes=("test",)), WHO, api.PURPOSE, id="purposes"),
        pytest.param(GRANT, replace(ASKED, purposes=()), WHO, api.PURPOSE, id="no purposes"),
        pytest.param(GRANT, ASKED, None, api.ERASED, id="unknown person"),
        pytest.param(GRANT, ASKED, replace(WHO, state="erasing"), api.ERASED, id="erasing"),
        pytest.param(GRANT, ASKED, replace(WHO, state="erased"), api.ERASED, id="erased"),
        pytest.param(GRANT, ASKED, replace(WHO, state="new"), api.ERASED, id="another state"),
        pytest.param(GRANT, ASKED, replace(WHO, consents=()), api.NO_CONSENT, id="no consent"),
        pytest.param(
            GRANT, ASKED, replace(WHO, consents=(replace(SPAN, to_ms=5),)), api.NO_CONSENT,
            id="withdrawn",
        ),
        pytest.param(
            GRANT, ASKED, replace(WHO, consents=(replace(SPAN, purposes=("test",)),)),
            api.NO_CONSENT, id="consent for another purpose",
        ),
        pytest.param(GRANT, replace(ASKED, consent="c-2"), WHO, api.NO_CONSENT, id="consent id"),
        pytest.param(GRANT, replace(ASKED, policy="b" * 64), WHO, api.NO_CONSENT, id="policy"),
        pytest.param(GRANT, replace(ASKED, device=b"1" * 16), WHO, api.NO_CONSENT, id="device"),
    ],
)  # fmt: skip
def test_each_condition_by_itself_refuses(
    grant: Grant, asked: Segment, person: Person | None, code: str
) -> None:
    assert rules.refusal(grant, asked, person) == code


def test_two_operators_who_did_not_ask_make_a_grant_active() -> None:
    known = held(state="requested", approvers=())

    one = rules.approve(known, "op-2")
    again = rules.approve(held(state="requested", approvers=one[0]), "op-2")
    two = rules.approve(held(state="requested", approvers=one[0]), "op-3")

    assert one == again == (("op-2",), "requested")
    assert two == (("op-2", "op-3"), "active")
    with pytest.raises(Refused):
        rules.approve(known, "op-1")
    with pytest.raises(Refused):
        rules.approve(held(state="ended"), "op-2")


@pytest.mark.parametrize(
    "changes",
    [
        {"subscriber": ""}, {"purpose": ""}, {"cohort": ()}, {"streams": ()}, {"streams": (2,)},
        {"not_after_ms": NOW - 10}, {"not_after_ms": NOW + 32 * 86_400_000},
    ],
    ids=str,
)  # fmt: skip
def test_a_grant_without_bounds_cannot_be_asked_for(changes: dict[str, object]) -> None:
    rules.check_request(GRANT)

    with pytest.raises(Malformed):
        rules.check_request(replace(GRANT, **changes))  # type: ignore[arg-type]
