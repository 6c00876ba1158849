"""The short ways of the sink give what the general ones give, and take nothing else."""

from dataclasses import replace

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas import codec
from overt_schemas.envelope.part import PartHeader, dump, load
from overt_schemas.records import Header, StoredPart
from overt_sinks import container
from overt_sinks.usual import PartNumbers, part_numbers
from tests.sinks.made import Segments, taken

NUMBERS = st.one_of(
    st.sampled_from([0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1]),
    st.integers(0, 2**63 - 1),
)
HASHES = st.binary(min_size=32, max_size=32)
HEADERS = st.builds(
    PartHeader, segment=HASHES, batch=NUMBERS, raw=HASHES, previous=HASHES, partition=NUMBERS,
    offset=NUMBERS, schema=NUMBERS, first=st.booleans(), final=st.booleans(),
)  # fmt: skip


@given(HEADERS)
def test_every_header_that_a_processor_writes_is_of_the_usual_form(header: PartHeader) -> None:
    assert part_numbers(dump(header)) == PartNumbers(header.segment, header.batch)


@settings(max_examples=400)
@given(HEADERS, st.data())
def test_what_the_short_way_takes_the_general_way_takes_as_the_same(
    header: PartHeader, data: st.DataObject
) -> None:
    changed = bytearray(dump(header))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))

    found = part_numbers(bytes(changed))

    if found is not None:
        known = load(PartHeader, bytes(changed))
        assert (known.segment, known.batch) == found


def test_a_number_in_a_longer_form_than_it_needs_is_not_usual() -> None:
    header = PartHeader(
        segment=bytes(32), batch=5, raw=bytes(32), previous=bytes(32), partition=0, offset=1,
        schema=21, first=True, final=False,
    )  # fmt: skip
    for longer in (
        b"\x18\x05",
        b"\x19\x00\x05",
        b"\x1a\x00\x00\x00\x05",
        b"\x1b" + bytes(7) + b"\x05",
    ):
        assert part_numbers(dump(header).replace(b"batch\x05", b"batch" + longer)) is None


def test_a_header_with_flags_or_more_fields_takes_the_general_way() -> None:
    values = cbor2.loads(
        dump(
            PartHeader(
                segment=bytes(32), batch=5, raw=bytes(32), previous=bytes(32), partition=0,
                offset=1, schema=21, first=True, final=False, flags=("late",),
            )
        )
    )  # fmt: skip

    assert part_numbers(cbor2.dumps(values, canonical=True)) is None
    assert part_numbers(cbor2.dumps({**values, "flags": [], "new": 1}, canonical=True)) is None


@given(
    offset=st.integers(0, 2**63 - 1), append_ms=st.integers(-1, 2**53), key=st.binary(max_size=40),
    headers=st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=200)), max_size=3),
    number=st.integers(0, 2**31 - 1), size=st.integers(0, 300),
)  # fmt: skip
def test_a_record_is_encoded_as_the_codec_would(
    offset: int, append_ms: int, key: bytes, headers: list[tuple[str, bytes]], number: int,
    size: int,
) -> None:  # fmt: skip
    value = Segments().part(size=size)
    record = replace(
        taken(0, value), offset=offset, append_ms=append_ms, key=key, headers=tuple(headers)
    )

    prefix, view = container._encode(container._head("A" * 22, number), record)

    assert prefix + bytes(view) == codec.pack(
        StoredPart(
            topic_id="A" * 22, partition=number, offset=offset, append_ms=append_ms, key=key,
            headers=tuple(Header(name=name, value=data) for name, data in headers),
            schema_id=codec.schema_of(value).id, value=value[codec.FRAME_BYTES :],
        )
    )  # fmt: skip
