"""Signatures mean one thing, keys have one role for one life, tags stop one device."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas import records, signing
from overt_schemas.catalogue import ID_OF
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.signing import Domain, Keyring, SigningKey

KEY = SigningKey("authority-1", bytes(range(32)))
OTHER = SigningKey("authority-1", bytes(32))
ROOT = SigningKey(signing.ROOT, b"r" * 32)
OVERLAY = records.Overlay(
    overlay="o", version=1, kind="pause", scope="all", active=True, issued_ms=5
)


def _cert(key: SigningKey, role: str, start: int = 0, end: int = 100) -> records.KeyCert:
    return records.KeyCert(
        key_id=key.key_id, role=role, public=key.public_bytes(), not_before_ms=start,
        not_after_ms=end,
    )  # fmt: skip


def _ring(*certs: records.KeyCert, version: int = 1) -> Keyring:
    keys = records.KeySet(version=version, certs=certs)
    return Keyring(root=ROOT.public_bytes()).accept(ROOT.sign_record(keys))


@pytest.mark.parametrize("domain", Domain)
@pytest.mark.parametrize("other", Domain)
def test_a_signature_verifies_in_its_own_domain_only(domain: Domain, other: Domain) -> None:
    signature = KEY.sign(domain, b"x")

    if domain is other:
        signing.verify(KEY.public_bytes(), signature, other, b"x")
    else:
        with pytest.raises(Untrusted):
            signing.verify(KEY.public_bytes(), signature, other, b"x")


def test_no_domain_begins_another() -> None:
    values = [d.value for d in Domain]

    assert not [(a, b) for a in values for b in values if a != b and b.startswith(a)]


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_parts_cannot_be_cut_another_way(one: list[bytes], two: list[bytes]) -> None:
    same = signing.digest(Domain.PART, *one) == signing.digest(Domain.PART, *two)

    assert same is (one == two)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"body": b"\0" + KEY.sign_record(OVERLAY).body[1:]}, id="body"),
        pytest.param({"body": KEY.sign_record(replace(OVERLAY, scope="one")).body}, id="content"),
        pytest.param({"key_id": "authority-2"}, id="key_id"),
        pytest.param({"signature": bytes(64)}, id="signature"),
        pytest.param({"signature": b""}, id="no signature"),
        pytest.param({"signature": OTHER.sign_record(OVERLAY).signature}, id="another key's"),
        pytest.param({"schema": ID_OF["Beacon"]}, id="schema"),
    ],
)
def test_a_change_to_any_field_of_signed_is_untrusted(change: dict[str, object]) -> None:
    signed = replace(KEY.sign_record(OVERLAY), **change)  # type: ignore[arg-type]

    with pytest.raises(Untrusted):
        signing.open_record(signed, KEY.public_bytes(), records.Overlay, records.Beacon)


def test_a_signed_record_opens() -> None:
    signed = KEY.sign_record(OVERLAY)

    assert signing.open_record(signed, KEY.public_bytes(), records.Overlay) == OVERLAY


def test_a_signed_record_of_another_class_has_no_place() -> None:
    signed = KEY.sign_record(OVERLAY)

    with pytest.raises(Malformed) as caught:
        signing.open_record(signed, KEY.public_bytes(), records.Beacon)

    assert caught.value.reason == "schema_not_allowed"


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33)], ids=len)
def test_a_key_that_is_none_is_untrusted(public: bytes) -> None:
    with pytest.raises(Untrusted):
        signing.verify(public, bytes(64), Domain.PART, b"")


def test_a_key_comes_back_from_its_seed() -> None:
    key = SigningKey.generate("k")

    assert SigningKey("k", key.seed()).public_bytes() == key.public_bytes()


def test_a_ring_takes_a_key_set_from_the_root_alone() -> None:
    keys = records.KeySet(version=1, certs=(_cert(KEY, signing.AUTHORITY),))
    ring = Keyring(root=ROOT.public_bytes())

    for stranger in (KEY, SigningKey(signing.ROOT, bytes(32))):
        with pytest.raises(Untrusted):
            ring.accept(stranger.sign_record(keys))
    # the root's key under another name
    with pytest.raises(Untrusted) as caught:
        ring.accept(SigningKey("authority-1", ROOT.seed()).sign_record(keys))

    assert caught.value.reason == "key_set"


def test_a_ring_takes_nothing_but_key_sets_from_the_root() -> None:
    with pytest.raises(Malformed):
        Keyring(root=ROOT.public_bytes()).accept(ROOT.sign_record(OVERLAY))


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_or_equal_key_set_changes_nothing(version: int) -> None:
    ring = _ring(_cert(KEY, signing.AUTHORITY), version=2)

    again = ring.accept(ROOT.sign_record(records.KeySet(version=version, certs=())))

    assert again is ring


def test_a_newer_key_set_takes_keys_away() -> None:
    ring = _ring(_cert(KEY, signing.AUTHORITY))

    newer = ring.accept(ROOT.sign_record(records.KeySet(version=2, certs=())))

    with pytest.raises(Untrusted):
        newer.public(KEY.key_id, signing.AUTHORITY, 5)


def test_an_empty_ring_trusts_nobody() -> None:
    with pytest.raises(Untrusted):
        Keyring(root=ROOT.public_bytes()).open(KEY.sign_record(OVERLAY), 5, records.Overlay)


def test_a_key_speaks_only_in_its_role() -> None:
    ring = _ring(_cert(KEY, signing.PROCESSOR_SIGN))

    assert ring.public(KEY.key_id, signing.PROCESSOR_SIGN, 5) == KEY.public_bytes()
    with pytest.raises(Untrusted) as caught:
        ring.open(KEY.sign_record(OVERLAY), 5, records.Overlay)
    assert caught.value.reason == "unknown_key"


@pytest.mark.parametrize(("at", "good"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_key_speaks_only_in_its_life(at: int, good: bool) -> None:
    ring = _ring(_cert(KEY, signing.AUTHORITY, 10, 20))
    signed = KEY.sign_record(OVERLAY)

    if good:
        assert ring.open(signed, at, records.Overlay) == OVERLAY
    else:
        with pytest.raises(Untrusted) as caught:
            ring.open(signed, at, records.Overlay)
        assert caught.value.reason == "key_expired"


def test_the_newest_key_of_a_role_is_the_last_to_come_into_force() -> None:
    old, new, next_, other = (SigningKey(name, name[0].encode() * 32) for name in "onxz")
    ring = _ring(
        _cert(new, signing.PROCESSOR_SEAL, 10), _cert(old, signing.PROCESSOR_SEAL, 0),
        _cert(next_, signing.PROCESSOR_SEAL, 60), _cert(other, signing.AUTHORITY, 20),
        _cert(SigningKey("e", b"e" * 32), signing.PROCESSOR_SEAL, 15, 30),
    )  # fmt: skip

    assert ring.newest(signing.PROCESSOR_SEAL, 50).key_id == "n"
    with pytest.raises(Untrusted):
        ring.newest(signing.PROCESSOR_SEAL, 100)
    with pytest.raises(Untrusted):
        ring.newest(signing.PROCESSOR_SIGN, 50)


def test_a_tag_stops_the_one_device_in_the_one_beacon() -> None:
    tags = [signing.beacon_tag(b"other", 7), signing.beacon_tag(b"secret", 7)]

    assert len(tags[0]) == 16
    assert signing.stops(tags, b"secret", 7)
    assert not signing.stops(tags, b"secret", 8)
    assert not signing.stops(tags, b"third", 7)
    assert not signing.stops([], b"secret", 7)
    assert not signing.stops([b"", tags[1][:15]], b"secret", 7)


def test_tags_of_one_device_cannot_be_told_to_be_of_one_device() -> None:
    assert len({signing.beacon_tag(b"secret", number) for number in range(100)}) == 100


def test_a_policy_is_named_by_its_content_whoever_signed() -> None:
    assert signing.policy_hash(KEY.sign_record(OVERLAY)) == signing.policy_hash(
        ROOT.sign_record(OVERLAY)
    )
    changed = replace(OVERLAY, version=2)
    assert signing.policy_hash(KEY.sign_record(changed)) != signing.policy_hash(
        KEY.sign_record(OVERLAY)
    )


def test_a_private_key_shows_nothing_of_itself() -> None:
    assert KEY.seed().hex() not in repr(KEY)
    assert not hasattr(KEY, "__dict__")
