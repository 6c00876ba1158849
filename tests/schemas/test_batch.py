"""What an endpoint seals: refusals that no transplant reaches."""

import secrets
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas import codec, hpke
from overt_schemas.envelope import batch, header
from overt_schemas.errors import Malformed, OvertError, Untrusted
from overt_schemas.records import SealedBatch, Tombstone
from overt_schemas.signing import Domain, SigningKey
from overt_schemas.testing import ScriptedDevice, empty_input
from tests.schemas.samples import (
    DEVICE,
    EPOCH,
    ONE,
    SIGNER,
    TWO,
    clear_header,
    open_raw,
    period_header,
)

RAW = ONE.sealed.record
REFUSED = (Malformed, Untrusted)
STRANGER = SigningKey("device:other", b"s" * 32)


def test_batches_chain_by_the_hash_of_the_one_before() -> None:
    device = ScriptedDevice()
    period = device.period()

    made = [device.seal(period, empty_input(activity=n)) for n in range(3)]

    heads = [header.unpack(s.record.header) for s in made]
    assert [h.batch for h in heads] == [0, 1, 2]
    assert [h.previous for h in heads] == [header.FIRST, made[0].hash, made[1].hash]


def test_content_and_tombstone_have_one_hash() -> None:
    assert batch.hash_of(RAW) == batch.hash_of(ONE.sealed.tombstone) == ONE.sealed.hash
    assert batch.hash_of(TWO.sealed.record) != ONE.sealed.hash


def test_two_seals_of_the_same_share_nothing() -> None:
    head = clear_header(1, 1)
    again = batch.seal_batch(ONE.period, head, ONE.plain, SIGNER).record

    assert again.header == RAW.header
    assert again.iv != RAW.iv
    assert again.ciphertext != RAW.ciphertext


def test_a_period_has_a_random_key() -> None:
    one, two = (batch.open_period(period_header(), EPOCH.public_bytes(), SIGNER) for _ in range(2))

    assert one.wrap != two.wrap
    sealed = batch.seal_batch(one, clear_header(0), b"plain", SIGNER).record
    with pytest.raises(Untrusted):
        batch.open_batch(sealed, two.key)


@pytest.mark.parametrize("size", [0, 1, 8, 11, 13, 16, 128, 4096])
def test_a_nonce_of_another_length_is_malformed(size: int) -> None:
    with pytest.raises(Malformed) as caught:
        batch.open_batch(replace(RAW, iv=bytes(size)), ONE.period.key)

    assert caught.value.reason == "header"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17])
def test_a_short_ciphertext_is_refused(size: int) -> None:
    with pytest.raises(OvertError):
        batch.open_batch(replace(RAW, ciphertext=RAW.ciphertext[:size]), ONE.period.key)


def test_another_devices_signature_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        batch.verify_period(RAW, STRANGER.public_bytes())
    with pytest.raises(Untrusted):
        batch.verify_tombstone(batch.drop(ONE.sealed.tombstone, "age"), STRANGER.public_bytes())


def test_another_epochs_key_opens_nothing() -> None:
    with pytest.raises(Untrusted):
        batch.content_key(RAW, hpke.PrivateKey.generate())


@pytest.mark.parametrize("size", [1, 16, 24, 31, 33])
def test_a_device_that_wraps_something_else_than_a_key_is_malformed(size: int) -> None:
    wrap = hpke.wrap(bytes(size), EPOCH.public_bytes(), batch.period_info(RAW.period))
    signed = SIGNER.sign(Domain.PERIOD, RAW.period, wrap)
    record = replace(RAW, wrap=wrap, period_signature=signed)
    batch.verify_period(record, SIGNER.public_bytes())

    with pytest.raises(Malformed) as caught:
        batch.content_key(record, EPOCH)

    assert caught.value.reason == "wrap"


@pytest.mark.parametrize(
    "changes",
    [{"device": b"x" * 16}, {"boot": b"x" * 16}, {"period": 5}, {"version": 2}, {"version": 0}],
    ids=str,
)
def test_a_period_vouches_for_no_batch_of_another(changes: dict[str, object]) -> None:
    """All signatures and seals are right; a device with its own keys would have made it."""
    period = batch.open_period(
        period_header(period=1, **changes) if "period" not in changes else period_header(**changes),
        EPOCH.public_bytes(), SIGNER,
    )  # fmt: skip
    sealed = batch.seal_batch(period, clear_header(1, 1), ONE.plain, SIGNER)
    dropped = batch.drop(sealed.tombstone, "age")

    for record in (sealed.record, dropped):
        with pytest.raises(REFUSED) as caught:
            batch.verify_period(record, SIGNER.public_bytes())
        assert caught.value.reason == "period"
    with pytest.raises(REFUSED):
        batch.verify_tombstone(dropped, SIGNER.public_bytes())


def test_a_signed_period_of_garbage_is_malformed() -> None:
    record = replace(
        RAW, period=b"junk", period_signature=SIGNER.sign(Domain.PERIOD, b"junk", b"w")
    )

    with pytest.raises(Malformed):
        batch.verify_period(replace(record, wrap=b"w"), SIGNER.public_bytes())


@pytest.mark.parametrize("reason", sorted(batch.SIGNED_REASONS))
def test_forget_and_opt_out_need_captures_key(reason: str) -> None:
    with pytest.raises(Malformed):
        batch.drop(ONE.sealed.tombstone, reason)

    batch.verify_tombstone(batch.drop(ONE.sealed.tombstone, reason, SIGNER), SIGNER.public_bytes())


@pytest.mark.parametrize("reason", sorted(batch.SIGNED_REASONS))
@pytest.mark.parametrize("start", ["age", "forget", "opt_out"])
def test_ship_cannot_make_a_tombstone_of_a_reason_that_wins(reason: str, start: str) -> None:
    own = batch.drop(ONE.sealed.tombstone, start, SIGNER)
    forged = replace(own, reason=reason)

    if reason == start:
        batch.verify_tombstone(forged, SIGNER.public_bytes())
    else:
        with pytest.raises(Untrusted):
            batch.verify_tombstone(forged, SIGNER.public_bytes())


@pytest.mark.parametrize("reason", sorted(batch.UNSIGNED_REASONS))
def test_age_and_cap_need_no_second_signature(reason: str) -> None:
    record = batch.drop(ONE.sealed.tombstone, reason)

    batch.verify_tombstone(record, SIGNER.public_bytes())

    assert record.reason_signature == b""


@pytest.mark.parametrize("reason", ["", "killed", "Forget", "age "])
def test_an_unknown_reason_is_malformed_both_ways(reason: str) -> None:
    with pytest.raises(Malformed):
        batch.drop(ONE.sealed.tombstone, reason, SIGNER)
    with pytest.raises(Malformed):
        batch.verify_tombstone(replace(ONE.sealed.tombstone, reason=reason), SIGNER.public_bytes())


def test_a_tombstone_without_capture_is_untrusted() -> None:
    """Ship sees headers and ciphertexts; that makes no tombstone of a batch it would lose."""
    forged = replace(batch.drop(ONE.sealed.tombstone, "age"), signature=RAW.period_signature)

    with pytest.raises(Untrusted):
        batch.verify_tombstone(forged, SIGNER.public_bytes())


def test_sealed_bytes_show_nothing_of_what_is_inside() -> None:
    canary = secrets.token_bytes(32)
    plain = codec.pack(empty_input(keysym=canary * 4))
    record = batch.seal_batch(ONE.period, clear_header(1, 1), plain, SIGNER).record

    assert canary not in codec.encode(record)
    assert open_raw(record) == plain


@settings(max_examples=200)
@given(st.sampled_from(SealedBatch.__slots__), st.binary(max_size=40))
def test_a_hostile_batch_ends_in_an_error_of_ours(name: str, value: bytes) -> None:
    with pytest.raises(OvertError):
        open_raw(replace(RAW, **{name: value}))


def _accept(record: Tombstone) -> None:
    batch.verify_period(record, SIGNER.public_bytes())
    batch.verify_tombstone(record, SIGNER.public_bytes())


@settings(max_examples=200)
@given(st.sampled_from(Tombstone.__slots__[:-2]), st.binary(max_size=40))
def test_a_hostile_tombstone_ends_in_an_error_of_ours(name: str, value: bytes) -> None:
    record = replace(batch.drop(ONE.sealed.tombstone, "age"), **{name: value})  # type: ignore[arg-type]

    with pytest.raises(OvertError):
        _accept(record)


def test_the_scripted_device_is_of_one_device() -> None:
    assert ScriptedDevice().device == DEVICE
