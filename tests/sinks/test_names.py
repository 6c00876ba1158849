"""Names say where a range begins, and nothing that is not one of ours is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas.errors import Malformed
from overt_sinks import avro
from overt_sinks.naming import Partition, parse_object, run_name, topic_uuid
from tests.sinks.made import TOPIC_ID, WHERE


def test_an_object_is_named_by_its_first_offset_in_twenty_digits() -> None:
    assert (
        WHERE.object(7)
        == f"topic=overt.part.v1/topicid={TOPIC_ID}/part=2/00000000000000000007.avro"
    )


@given(st.integers(0, 2**63 - 1), st.integers(0, 9999), st.binary(min_size=16, max_size=16))
def test_a_name_gives_back_what_it_was_made_of(first: int, number: int, raw: bytes) -> None:
    topic_id = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    where = Partition(topic="overt.part.v1", topic_id=topic_id, number=number)

    assert parse_object(where.object(first)) == (where, first)


@pytest.mark.parametrize(
    "name",
    [
        "probe/x",
        f"topic=t/topicid={TOPIC_ID}/part=02/{0:020d}.avro",
        f"topic=t/topicid={TOPIC_ID}/part=2/{0:019d}.avro",
        f"topic=t/topicid=short/part=2/{0:020d}.avro",
        f"topic=t/topicid={TOPIC_ID}/part=2/{0:020d}.avro/more",
    ],
)
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        parse_object(name)


@given(st.binary(min_size=16, max_size=16))
def test_a_topics_id_is_the_same_however_it_is_printed(raw: bytes) -> None:
    plain = base64.b64encode(raw).decode()
    safe = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    assert topic_uuid(plain) == topic_uuid(plain.rstrip("=")) == topic_uuid(safe) == safe


@pytest.mark.parametrize("text", ["", "AAAA", "not base64 at all!", "A" * 44])
def test_an_id_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        topic_uuid(text)


def test_a_run_is_named_by_its_object_and_its_place_in_it() -> None:
    assert run_name("a", 5) == "ca978112ca1bbdca-5"


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_reads_back(value: int) -> None:
    cursor = avro.Cursor(avro.long(value) + b"rest")

    assert cursor.long() == value
    assert cursor.take(4) == b"rest"
