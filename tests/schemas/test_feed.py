"""What a feed says of a record is what a stored object would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas import feed
from overt_schemas.errors import Malformed
from overt_schemas.ids import SessionId

TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=64)
I32, I64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)


@given(TEXT, I32, I64, I64)
def test_an_origin_comes_back(topic_id: str, partition: int, offset: int, append_ms: int) -> None:
    packed = feed.pack_origin(topic_id, partition, offset, append_ms)

    assert feed.unpack_origin(packed) == (topic_id, partition, offset, append_ms)


@pytest.mark.parametrize("value", [b"", b"x" * 20, b"x" * 85, b"x" * 20 + b"\xff"])
def test_another_origin_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        feed.unpack_origin(value)


def test_a_feed_is_named_after_its_grant() -> None:
    topic = feed.topic_of("g-0123456789abcdef")

    assert topic == "overt.feed.g-0123456789abcdef.v1"
    assert feed.grant_of(topic) == "g-0123456789abcdef"
    assert feed.grant_of("overt.part.v1") is None
    assert feed.grant_of("overt.feed.v1") is None


@pytest.mark.parametrize("grant", ["", "../x", "a.b", "*", "g 1", "g\n", "x" * 65, "é"])
def test_no_other_name_becomes_a_topic(grant: str) -> None:
    with pytest.raises(Malformed):
        feed.topic_of(grant)


def test_sessions_of_one_boot_have_different_keys() -> None:
    keys = {
        feed.key_of(SessionId(device=bytes(16), boot=bytes(16), activity=n)) for n in range(300)
    }

    assert len(keys) == 300
