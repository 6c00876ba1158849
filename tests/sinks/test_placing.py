"""Where records belong; and nothing that comes from outside stops a sink."""

from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas import codec
from overt_schemas.envelope.part import segment_info
from overt_schemas.errors import Malformed
from overt_schemas.records import Marker, Part
from overt_sinks.intake import take
from overt_sinks.placing import Place, place
from overt_sinks.testing import ScriptedMessage
from tests.sinks.made import DAY, Segments, notice


def _part(**changes: Any) -> bytes:
    """Return a part whose clear headers have some values changed, in deterministic CBOR."""
    record = codec.decode(Segments().part(), Part)
    segment = cbor2.loads(record.segment)
    header = cbor2.loads(record.header)
    for name, value in changes.items():
        where, _, key = name.partition("__")
        (segment if where == "segment" else header)[key] = value
    packed = cbor2.dumps(segment, canonical=True)
    if "header__segment" not in changes:
        header["segment"] = segment_info(packed)
    return codec.encode(
        Part(
            segment=packed, wrap=b"", person_key="", sealed=b"", signature=b"",
            header=cbor2.dumps(header, canonical=True),
        )
    )  # fmt: skip


def test_a_part_belongs_to_its_segment_and_batch() -> None:
    found = place(Segments(batch=4).part())

    assert found.segment_header
    assert found == Place(
        kind="part", person="p-0123456789abcdef", device=bytes(range(16)).hex(),
        boot=bytes(range(16, 32)).hex(), activity=1, stream=0, segment=0, batch=4, day=DAY,
        segment_header=found.segment_header,
    )  # fmt: skip


def test_a_tombstone_belongs_to_the_batch_it_stands_for() -> None:
    found = place(Segments(batch=4, number=3).tombstone())

    assert (found.kind, found.segment, found.batch, found.activity) == ("tombstone", 3, 4, -1)


def test_a_withheld_mark_belongs_to_the_batch_it_stands_for() -> None:
    found = place(Segments(batch=4, number=3).withheld())

    assert (found.kind, found.segment, found.batch, found.activity) == ("withheld", 3, 4, -1)


def test_a_notice_belongs_to_nobody() -> None:
    found = place(notice())

    assert (found.kind, found.person, found.device, found.boot) == ("notice", "", "", "")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\x00\x00", "malformed"),
        (b"\x07\x00\x00\x00\x03rest", "malformed"),
        (b"\x00\x00\x00\xff\xffrest", "unknown_schema"),
        (b"\x00\x00\x00\x00\x01rest", "schema_not_allowed"),
        (b"\x00\x00\x00\x00\x03rest", "malformed"),
        (_part(segment__person=5), "header"),
        (_part(segment__person="p\0"), "header"),
        (_part(segment__device="text"), "header"),
        (_part(segment__boot=bytes(15)), "header"),
        (_part(segment__segment=2**70), "header"),
        (_part(segment__segment=True), "header"),
        (_part(segment__stream=7), "header"),
        (_part(segment__day="today"), "header"),
        (_part(segment__activity=-1), "header"),
        (_part(header__batch=-1), "header"),
        (_part(header__batch=1.5), "header"),
        (_part(header__segment=bytes(32)), "segment"),
        (codec.encode(Marker(header=b"", evidence=b"", signature=b"", processor="")), "mark"),
    ],
)
def test_what_does_not_parse_is_set_aside_with_its_reason(value: bytes | None, reason: str) -> None:
    record = take(ScriptedMessage(number=0, at=3, body=value), 0)

    assert (record.place, record.reason, record.value) == (None, reason, value or b"")


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([Part, Marker]), st.data())
def test_nothing_that_comes_from_outside_raises_anything_but_malformed(
    noise: bytes, kind: type, data: st.DataObject
) -> None:
    if kind is Marker:
        value = codec.encode(Marker(header=noise, evidence=b"", signature=b"", processor=""))
    else:
        whole = Segments().part()
        at = data.draw(st.integers(5, len(whole)))
        value = whole[:at] + noise + whole[at + len(noise) :]

    try:
        found = place(value)
    except Malformed:
        return
    assert found.batch >= 0


def test_deeply_nested_headers_are_set_aside() -> None:
    deep = b"\x81" * 5000 + b"\x00"
    value = codec.encode(Marker(header=deep, evidence=b"", signature=b"", processor=""))

    with pytest.raises(Malformed):
        place(value)


def test_headers_key_and_time_are_kept_as_kafka_gave_them() -> None:
    message = ScriptedMessage(
        number=0, at=3, body=Segments().part(), head=[("a", b"1"), ("a", None)]
    )

    record = take(message, 77)

    assert record.headers == (("a", b"1"), ("a", b""))
    assert (record.key, record.append_ms) == (b"key", 1_764_000_000_003)
    assert record.arrived_ns == 77
    assert isinstance(record.place, Place)
