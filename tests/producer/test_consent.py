"""The person's will beats everything, and only an act of theirs is consent."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from overt_producer import consent
from overt_producer.consent import NO_CONSENT, PAUSED_HERE, Will
from overt_producer.will_store import WillStore
from overt_schemas.records import Consent
from overt_schemas.signing import SigningKey, device_key_id


def receipt(decision: str = consent.AGREED, policy: str = "p1", method: str = "x11") -> Consent:
    return Consent(
        consent="c-1", device=bytes(16), person="p-1", policy=policy, purposes=("training",),
        notice_hash="", shown_ms=1, decided_ms=2, decision=decision, method=method,
    )  # fmt: skip


AGREED = consent.decided(Will(), receipt())


def test_consent_covers_the_policy_it_was_given_for_and_no_other() -> None:
    assert consent.covers(AGREED, "p1") == "c-1"
    assert consent.covers(AGREED, "p2") == NO_CONSENT
    assert consent.covers(AGREED, "") == NO_CONSENT


@pytest.mark.parametrize(
    "will",
    [
        Will(),
        consent.decided(Will(), receipt(consent.REFUSED)),
        consent.withdrawn(AGREED, 9),
        consent.opted_out(AGREED, 9),
        consent.opted_out(Will(), 9),
    ],
    ids=["never asked", "refused", "withdrawn", "opted out", "opted out before any answer"],
)
def test_nothing_else_is_consent(will: Will) -> None:
    assert consent.covers(will, "p1") == NO_CONSENT


def test_a_pause_is_the_persons_own_and_ends_by_them() -> None:
    assert consent.covers(consent.paused(AGREED), "p1") == PAUSED_HERE
    assert consent.covers(consent.resumed(consent.paused(AGREED)), "p1") == "c-1"


def other(decision: str) -> Consent:
    return dataclasses.replace(receipt(decision, policy="p2"), consent="c-2")


@pytest.mark.parametrize("answer", [consent.REFUSED, consent.AGREED])
@pytest.mark.parametrize("act", [consent.withdrawn, consent.opted_out])
def test_what_was_agreed_to_before_a_newer_policy_is_taken_back_too(
    answer: str, act: Callable[[Will, int], Will]
) -> None:
    newer = consent.decided(AGREED, other(answer))

    will = act(newer, 9)

    assert newer.standing == (receipt(),)
    assert will.standing == ()
    assert [(r.consent, r.decision, r.decided_ms) for r in will.owed] == [("c-1", "withdrawn", 9)]
    assert consent.covers(will, "p1") == consent.covers(will, "p2") == NO_CONSENT
    assert consent.told(will).owed == ()


def test_resuming_does_not_undo_an_opt_out() -> None:
    will = consent.resumed(consent.opted_out(AGREED, 9))

    assert consent.covers(will, "p1") == NO_CONSENT
    assert not consent.needs_prompt(will, "p2")


def test_a_withdrawal_is_a_receipt_of_the_same_consent() -> None:
    will = consent.withdrawn(AGREED, 9)

    assert will.receipt is not None
    assert (will.receipt.consent, will.receipt.decision) == ("c-1", consent.WITHDRAWN)
    assert will.receipt.decided_ms == 9


def test_only_a_new_agreement_ends_an_opt_out() -> None:
    gone = consent.opted_out(AGREED, 9)

    assert consent.decided(gone, receipt(consent.REFUSED)).is_opted_out
    assert not consent.decided(gone, receipt()).is_opted_out


@pytest.mark.parametrize(
    ("will", "policy", "asked"),
    [(Will(), "p1", True), (AGREED, "p1", False), (AGREED, "p2", True), (Will(), "", False),
     (consent.decided(Will(), receipt(consent.REFUSED)), "p1", False)],
    ids=["first", "answered", "another policy", "no policy", "refused is an answer"],
)  # fmt: skip
def test_a_person_is_asked_once_a_policy(will: Will, policy: str, asked: bool) -> None:
    assert consent.needs_prompt(will, policy) is asked


def test_a_simulated_receipt_fits_a_synthetic_policy_only() -> None:
    simulated = receipt(method=consent.SIMULATED)

    assert consent.may_answer_for_nobody(simulated, is_synthetic=True)
    assert not consent.may_answer_for_nobody(simulated, is_synthetic=False)
    assert not consent.may_answer_for_nobody(receipt(), is_synthetic=True)


def test_what_stands_and_what_is_owed_outlive_the_process(tmp_path: Path) -> None:
    signer = SigningKey.generate(device_key_id(bytes(16)))
    newer = consent.decided(AGREED, other(consent.AGREED))
    wills = (newer, consent.withdrawn(newer, 9))

    found = []
    for will in wills:
        store = WillStore(tmp_path / "will.db", signer, "p-1")
        store.save_will(will)
        store.close()
        again = WillStore(tmp_path / "will.db", signer, "p-1")
        found.append(again.will())
        again.close()

    assert tuple(found) == wills


def test_the_will_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "will.db"
    signer = SigningKey.generate(device_key_id(bytes(16)))
    store = WillStore(path, signer, "p-1")
    store.save_will(consent.opted_out(AGREED, 9))
    store.save_highest(41, None)
    store.close()

    again = WillStore(path, signer, "p-1")

    assert again.will() == consent.opted_out(AGREED, 9)
    assert again.highest()[0] == 41
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()
