"""What endpoints say over Kafka: what counts is kept, what does not is counted and left behind."""

import pytest

from overt_authority import consume, telemetry
from overt_authority.presence import store as presence
from overt_authority.publish import MemoryPublisher
from overt_authority.services import Services
from overt_schemas import codec
from overt_schemas.errors import Permanent, Transient
from overt_schemas.records import Presence
from overt_schemas.signing import SigningKey
from tests.authority import story


def said(endpoint: story.Endpoint, number: int, *, capturing: bool = True) -> Presence:
    return Presence(
        device=endpoint.enrolled.device, boot=bytes(16), number=number, at_ms=number,
        capturing=capturing, beacon=1, input_batches=0, frame_batches=0, stopped_ms=0, reason=b"",
    )  # fmt: skip


def signed(endpoint: story.Endpoint, record: object, by: story.Endpoint | None = None) -> bytes:
    return codec.encode((by or endpoint).signer.sign_record(record))


def kept(services: Services, endpoint: story.Endpoint) -> Presence | None:
    with services.database.read() as db:
        return presence.find(db, endpoint.enrolled.device)


def test_the_latest_signed_presence_is_kept_and_everything_else_left_behind(
    services: Services,
) -> None:
    one, other = story.enrol(services), story.enrol(services)
    forged = SigningKey(one.signer.key_id, bytes(32))

    consume.take_presence(services.database, [
        b"", b"\x00\x00\x00\x00\x05garbage",
        signed(one, said(one, 2)),
        signed(one, said(one, 1, capturing=False)),
        signed(one, said(one, 9), by=other),
        codec.encode(forged.sign_record(said(one, 8))),
        signed(other, said(other, 5)),
    ])  # fmt: skip

    assert kept(services, one) == said(one, 2)
    assert kept(services, other) == said(other, 5)


def test_a_bad_receipt_does_not_stop_the_next_one(services: Services) -> None:
    one, other = story.enrol(services), story.enrol(services)
    good, stolen = story.receipt(services, one), story.receipt(services, one)
    before = telemetry.COUNTS["record_ignored:signature"]
    forged = codec.encode(SigningKey(one.signer.key_id, bytes(32)).sign_record(stolen))

    values = [b"x", forged, signed(one, stolen, by=other), signed(one, good)]
    consume.take_receipts(services.receipts, values)

    assert services.receipts.is_registered(one.enrolled.device, good.consent)
    assert not services.receipts.is_registered(one.enrolled.device, stolen.consent)
    assert not services.receipts.is_registered(other.enrolled.device, good.consent)
    assert telemetry.COUNTS["record_ignored:signature"] == before + 1


def test_a_receipt_that_cannot_be_published_now_holds_up_those_behind_it(
    services: Services, spoken: MemoryPublisher
) -> None:
    endpoint = story.enrol(services)
    first, second = story.receipt(services, endpoint), story.receipt(services, endpoint)
    spoken.down = True

    with pytest.raises(Transient):
        consume.take_receipts(
            services.receipts, [signed(endpoint, first), signed(endpoint, second)]
        )
    spoken.down = False
    consume.take_receipts(services.receipts, [signed(endpoint, first), signed(endpoint, second)])

    spans = story.person_of(services, endpoint).consents
    assert {span.consent for span in spans} == {first.consent, second.consent}


def test_a_simulated_consent_counts_under_a_synthetic_policy_only(services: Services) -> None:
    endpoint = story.enrol(services)
    unknown = story.receipt(services, endpoint, policy="f" * 64)
    strange = story.receipt(services, endpoint, method="telepathy")

    for receipt in (unknown, strange):
        with pytest.raises(Permanent):
            story.say(services, endpoint, receipt)
    story.agree(services, endpoint)

    assert len(story.person_of(services, endpoint).consents) == 1
