"""Which receipts count, and what they change."""

from dataclasses import replace

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from overt_authority.consent import rules
from overt_authority.consent.rules import Known
from overt_authority.policy.rules import parse
from overt_schemas.errors import Refused
from overt_schemas.records import Consent, ConsentSpan, Device, Person, SealSpan
from tests.authority.kit import POLICY as POLICY_VALUES

NOW = 10_000_000
PERSON, DEVICE_ID = "p-0000000000000001", bytes(16)
POLICY = parse(tomli_w.dumps(POLICY_VALUES))
REAL = replace(POLICY, synthetic=False)
DEVICE = Device(
    device=DEVICE_ID, group="demo", version=1, state="active", signing_key=bytes(32),
    spans=(SealSpan(person=PERSON, from_ms=0, to_ms=0),), pauses=(),
)  # fmt: skip
KNOWN = Known(
    device=DEVICE,
    person=Person(person=PERSON, version=1, state="active", keys=(), consents=()),
    policy=POLICY,
)
RECEIPT = Consent(
    consent="c-1", device=DEVICE_ID, person=PERSON, policy="a" * 64, purposes=("train-agents",),
    notice_hash="b" * 64, shown_ms=NOW - 20, decided_ms=NOW - 10, decision="agreed",
    method="simulated",
)  # fmt: skip
WITHDRAWAL = replace(RECEIPT, decision="withdrawn", decided_ms=NOW - 5)


def test_an_agreement_opens_a_span_from_the_decision_on() -> None:
    rules.check(RECEIPT, KNOWN, NOW)

    (span,) = rules.spans_after(RECEIPT, KNOWN, (), NOW)

    assert (span.consent, span.from_ms, span.to_ms) == ("c-1", NOW - 10, 0)
    assert (span.policy, span.purposes, span.device) == ("a" * 64, ("train-agents",), DEVICE_ID)


@pytest.mark.parametrize(
    ("receipt", "known", "reason"),
    [
        (replace(RECEIPT, decision="maybe"), KNOWN, "decision"),
        (replace(RECEIPT, person="p-2"), KNOWN, "person"),
        (replace(RECEIPT, decided_ms=NOW + 3_600_000), KNOWN, "time"),
        (replace(RECEIPT, shown_ms=NOW), KNOWN, "time"),
        (RECEIPT, replace(KNOWN, device=replace(DEVICE, state="revoked")), "device"),
        (RECEIPT, replace(KNOWN, person=None), "person"),
        (RECEIPT, replace(KNOWN, policy=None), "policy"),
        (RECEIPT, replace(KNOWN, policy=replace(POLICY, group="other")), "policy"),
        (replace(RECEIPT, method="telepathy"), KNOWN, "method"),
        (RECEIPT, replace(KNOWN, policy=REAL), "method"),
        (replace(RECEIPT, purposes=()), KNOWN, "purposes"),
        (replace(RECEIPT, purposes=("sell",)), KNOWN, "purposes"),
    ],
    ids=[
        "decision", "another person", "from tomorrow", "decided before it was shown",
        "revoked device", "unknown person", "unknown policy",
        "policy of another group", "unknown method", "simulated under a real policy",
        "no purpose", "a purpose not shown",
    ],
)  # fmt: skip
def test_a_receipt_that_does_not_hold_changes_nothing(
    receipt: Consent, known: Known, reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        rules.check(receipt, known, NOW)

    assert refused.value.reason == reason


def test_erasing_people_agree_to_nothing() -> None:
    erasing = replace(KNOWN, person=replace(KNOWN.person, state="erasing"))  # type: ignore[type-var]

    with pytest.raises(Refused):
        rules.check(RECEIPT, erasing, NOW)


def test_a_withdrawal_always_counts_and_closes_what_is_open() -> None:
    known = replace(KNOWN, device=replace(DEVICE, state="revoked"), policy=None)
    spans = rules.spans_after(RECEIPT, KNOWN, (), NOW)
    other = replace(spans[0], consent="c-0", device=bytes([1]) * 16)

    rules.check(WITHDRAWAL, known, NOW)
    closed = rules.spans_after(WITHDRAWAL, known, (*spans, other), NOW)

    assert [(span.consent, span.to_ms) for span in closed] == [("c-1", NOW - 5)]
    assert not rules.covers(closed[0], "train-agents")


def test_a_refusal_opens_nothing() -> None:
    assert rules.spans_after(replace(RECEIPT, decision="refused"), KNOWN, (), NOW) == ()


@given(st.permutations(["agreed", "withdrawn", "agreed"]))
def test_whatever_the_order_a_withdrawn_agreement_stays_withdrawn(order: list[str]) -> None:
    spans: dict[str, ConsentSpan] = {}
    is_withdrawn = False
    for decision in order:
        receipt = RECEIPT if decision == "agreed" else WITHDRAWAL
        known = replace(KNOWN, is_withdrawn=is_withdrawn)
        for span in rules.spans_after(receipt, known, tuple(spans.values()), NOW):
            spans[span.consent] = span
        is_withdrawn |= decision == "withdrawn"

    assert not any(rules.covers(span, "train-agents") for span in spans.values())
