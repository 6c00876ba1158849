"""Wraps open under the one key and the one info, whatever else is tried."""

import pytest

from overt_schemas import hpke
from overt_schemas.errors import Malformed, Untrusted

PRIVATE = hpke.PrivateKey.from_bytes(bytes(range(96)))
PUBLIC = PRIVATE.public_bytes()
KEY = b"k" * 32
WRAP = hpke.wrap(KEY, PUBLIC, b"info")


def test_sizes_are_as_documented() -> None:
    assert len(PUBLIC) == hpke.PUBLIC_BYTES == 1216
    assert len(PRIVATE.to_bytes()) == hpke.PRIVATE_BYTES == 96
    assert len(WRAP) == 1168


def test_a_wrap_opens() -> None:
    assert PRIVATE.unwrap(WRAP, b"info") == KEY


def test_a_wrap_is_random() -> None:
    assert hpke.wrap(KEY, PUBLIC, b"info") != WRAP


def test_a_private_key_comes_back_from_its_bytes() -> None:
    again = hpke.PrivateKey.from_bytes(PRIVATE.to_bytes())

    assert again.unwrap(WRAP, b"info") == KEY


def test_another_info_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        PRIVATE.unwrap(WRAP, b"other")


def test_another_key_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        hpke.PrivateKey.generate().unwrap(WRAP, b"info")


@pytest.mark.parametrize("at", [0, 1087, 1088, 1119, 1120, 1151, 1152, 1167])
def test_a_changed_byte_is_untrusted(at: int) -> None:
    changed = bytearray(WRAP)
    changed[at] ^= 1

    with pytest.raises(Untrusted):
        PRIVATE.unwrap(bytes(changed), b"info")


@pytest.mark.parametrize("size", [0, 1, 1087, 1120, 1167, 1169])
def test_another_length_is_untrusted(size: int) -> None:
    with pytest.raises(Untrusted):
        PRIVATE.unwrap((WRAP + b"x")[:size], b"info")


def test_a_point_of_low_order_in_a_wrap_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        PRIVATE.unwrap(WRAP[:1088] + bytes(32) + WRAP[1120:], b"info")


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(PUBLIC[:-1], id="short"),
        pytest.param(PUBLIC + b"x", id="long"),
        pytest.param(b"\xff" * 1184 + PUBLIC[1184:], id="no ML-KEM key"),
        pytest.param(PUBLIC[:1184] + bytes(32), id="X25519 point of low order"),
    ],
)
def test_a_key_that_is_none_is_malformed(public: bytes) -> None:
    with pytest.raises(Malformed):
        hpke.wrap(KEY, public, b"info")


@pytest.mark.parametrize("size", [0, 95, 97])
def test_a_private_key_of_another_length_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        hpke.PrivateKey.from_bytes(bytes(size))


def test_a_private_key_shows_nothing_of_itself() -> None:
    assert PRIVATE.to_bytes().hex()[:32] not in repr(PRIVATE)
    assert not hasattr(PRIVATE, "__dict__")
