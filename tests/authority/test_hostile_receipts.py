"""What an enrolled device may do to the authority with a receipt of its own: nothing."""

from dataclasses import replace

import pytest

from overt_authority import consume
from overt_authority.consent import rules
from overt_authority.publish import MemoryPublisher, Outgoing
from overt_authority.services import Services
from overt_schemas import codec, topics
from overt_schemas.errors import Permanent
from overt_schemas.ids import new_name
from overt_schemas.records import AuditEntry, ConsentSpan
from tests.authority import story

BROKER_TAKES = 1_048_576
HOUR_MS = 3_600_000


@pytest.mark.parametrize("decision", ["agreed", "refused", "withdrawn"])
@pytest.mark.parametrize(
    "changes",
    [
        {"consent": "c-" + "0" * 2_000_000},
        {"consent": "c-1 decision=agreed"},
        {"consent": "c-000000000000000\x00"},
        {"consent": "C-0000000000000000"},
        {"policy": "f" * 2_000_000},
        {"policy": "x decision=agreed\nkind=release"},
        {"notice_hash": ""},
        {"notice_hash": "0" * 2_000_000},
        {"method": "x" * 2_000_000},
        {"purposes": ("x",) * 20_000},
    ],
    ids=[
        "long id", "id with a field", "id with a zero byte", "id in capitals", "long policy",
        "policy with a line", "no notice", "long notice", "long method", "many purposes",
    ],
)  # fmt: skip
def test_a_receipt_of_another_form_leaves_no_trace(
    services: Services, spoken: MemoryPublisher, decision: str, changes: dict[str, object]
) -> None:
    endpoint = story.enrol(services)
    entries, said = services.log.head().size, len(spoken.records)

    with pytest.raises(Permanent):
        story.say(
            services, endpoint, story.receipt(services, endpoint, decision=decision, **changes)
        )

    assert services.log.head().size == entries
    assert len(spoken.records) == said


def test_no_device_makes_a_record_that_brokers_would_not_take(
    services: Services, spoken: MemoryPublisher
) -> None:
    # One such record would stand at the head of the outbox, and of the log's way to its topic, for
    # ever: no enrolment, no consent, no restart of the authority.
    endpoint = story.enrol(services)
    receipts = [
        story.receipt(services, endpoint, decision="withdrawn", policy="f" * 3_000_000),
        story.receipt(services, endpoint, consent="c-" + "f" * 3_000_000),
    ]

    consume.take_receipts(
        services.receipts, [codec.encode(endpoint.signer.sign_record(one)) for one in receipts]
    )
    services.teller.tell()

    assert max(_size(record) for record in spoken.records) < BROKER_TAKES


def test_a_person_has_so_many_consents_that_the_record_of_them_fits(services: Services) -> None:
    endpoint = story.enrol(services)
    receipt = story.receipt(services, endpoint)
    span = ConsentSpan(
        consent=receipt.consent, device=receipt.device, policy=receipt.policy,
        purposes=receipt.purposes, from_ms=receipt.decided_ms, to_ms=receipt.decided_ms,
    )  # fmt: skip
    person = replace(story.person_of(services, endpoint), consents=(span,) * rules.MAX_SPANS)
    known = _known(services, endpoint)

    with pytest.raises(Permanent) as refused:
        rules.check(receipt, replace(known, person=person), services.now_ms())

    assert refused.value.reason == "too_many"
    assert len(codec.encode(person)) < BROKER_TAKES / 2
    withdrawal = replace(receipt, decision="withdrawn")
    rules.check(withdrawal, replace(known, person=person), services.now_ms())


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, 365 * 24 * HOUR_MS, 2**62])
def test_a_withdrawal_counts_whatever_the_clock_of_its_device_says(
    services: Services, ahead_ms: int
) -> None:
    endpoint = story.enrol(services)
    agreed = story.agree(services, endpoint)

    story.say(
        services, endpoint,
        replace(agreed, decision="withdrawn", decided_ms=services.now_ms() + ahead_ms),
    )  # fmt: skip

    (span,) = story.person_of(services, endpoint).consents
    assert agreed.decided_ms <= span.to_ms <= services.now_ms()
    assert not rules.covers(span, agreed.purposes[0])


@pytest.mark.parametrize("at_ms", [0, -1, -(2**63)])
def test_a_withdrawal_closes_a_span_however_old_it_claims_to_be(
    services: Services, at_ms: int
) -> None:
    endpoint = story.enrol(services)
    agreed = story.agree(services, endpoint)

    story.say(services, endpoint, replace(agreed, decision="withdrawn", decided_ms=at_ms))

    (span,) = story.person_of(services, endpoint).consents
    assert span.to_ms == agreed.decided_ms


@pytest.mark.parametrize("at_ms", [0, -5])
def test_nobody_agreed_before_there_was_time(services: Services, at_ms: int) -> None:
    endpoint = story.enrol(services)

    with pytest.raises(Permanent):
        story.say(
            services, endpoint,
            story.receipt(services, endpoint, shown_ms=at_ms, decided_ms=at_ms),
        )  # fmt: skip


def test_an_agreement_held_back_until_after_a_withdrawal_opens_nothing(services: Services) -> None:
    endpoint = story.enrol(services)
    now = services.now_ms()
    held_back = story.receipt(services, endpoint, shown_ms=now - 90, decided_ms=now - 90)
    known = story.receipt(services, endpoint, shown_ms=now - 60, decided_ms=now - 60)
    story.say(services, endpoint, known)
    story.say(services, endpoint, replace(known, decision="withdrawn", decided_ms=now - 30))

    story.say(services, endpoint, held_back)
    later = story.say(services, endpoint, story.receipt(services, endpoint, consent=new_name("c")))

    spans = {span.consent: span.to_ms for span in story.person_of(services, endpoint).consents}
    assert spans == {known.consent: now - 30, later.consent: 0}


def test_only_an_agreement_lets_content_out_of_the_spool(services: Services) -> None:
    endpoint = story.enrol(services)
    refused = story.say(services, endpoint, story.receipt(services, endpoint, decision="refused"))
    agreed = story.agree(services, endpoint)
    story.say(services, endpoint, replace(agreed, decision="withdrawn"))

    # What was captured before a withdrawal may still be published: it was agreed to then.
    assert services.receipts.is_registered(endpoint.enrolled.device, agreed.consent)
    assert not services.receipts.is_registered(endpoint.enrolled.device, refused.consent)


def _known(services: Services, endpoint: story.Endpoint) -> rules.Known:
    from overt_authority.devices import store as devices
    from overt_authority.policy import store as policies

    with services.database.read() as db:
        device, policy = devices.find(db, endpoint.enrolled.device), policies.newest(db, "demo")
    assert device is not None
    assert policy is not None
    return rules.Known(device=device, person=None, policy=policy.policy)


def _size(record: Outgoing) -> int:
    if record.topic == topics.AUDIT:
        codec.decode(record.value, AuditEntry)
    return len(record.value)
