"""Records to bytes and back, and every way in which bytes can be wrong."""

import io
import random
import resource
import time
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overt_schemas import codec, records, testing
from overt_schemas.catalogue import ID_OF, schema
from overt_schemas.errors import Malformed
from tests.schemas.strategies import NAMES, any_record, record_of

LENIENT = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def zigzag(number: int) -> bytes:
    """A number as Avro writes it."""
    rest, out = (number << 1) if number >= 0 else ((-number) << 1) - 1, bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((*out, rest))


@pytest.mark.parametrize("name", NAMES)
def test_every_record_comes_back_as_it_was(name: str) -> None:
    @LENIENT
    @given(record_of(name))
    def holds(record: Any) -> None:
        framed = codec.encode(record)

        assert codec.decode(framed, type(record)) == record
        assert codec.unpack(type(record), codec.pack(record)) == record
        assert framed == codec.encode(codec.decode(framed, type(record)))

    holds()


@given(any_record())
def test_a_frame_is_a_zero_and_the_fixed_id(record: Any) -> None:
    name = type(record).__name__

    framed = codec.encode(record)

    assert framed[0] == 0
    assert int.from_bytes(framed[1:5], "big") == ID_OF[name]
    assert framed[5:] == codec.pack(record)
    assert codec.schema_of(framed) is schema(name)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "malformed", id="nothing"),
        pytest.param(b"\0\0\0\0", "malformed", id="short"),
        pytest.param(b"\1\0\0\0\5rest", "malformed", id="other magic"),
        pytest.param(b"\0\0\0\0\0rest", "unknown_schema", id="id 0"),
        pytest.param(b"\0\xff\xff\xff\xffrest", "unknown_schema", id="unknown id"),
        pytest.param(b"\5\0\0\0\0rest", "malformed", id="id little-endian"),
    ],
)
def test_what_is_not_framed_is_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        codec.decode(data, records.Signed)

    assert caught.value.reason == reason


def test_a_schema_without_a_place_here_is_refused_undecoded() -> None:
    framed = b"\0" + ID_OF["PeriodHeader"].to_bytes(4, "big") + b"junk"

    with pytest.raises(Malformed) as caught:
        codec.decode(framed, records.Signed, records.Part)

    assert caught.value.reason == "schema_not_allowed"


@LENIENT
@given(any_record(), st.data())
def test_a_cut_record_is_malformed(record: Any, data: st.DataObject) -> None:
    packed = codec.pack(record)
    end = data.draw(st.integers(0, len(packed) - 1))

    with pytest.raises(Malformed):
        codec.unpack(type(record), packed[:end])


@LENIENT
@given(any_record(), st.binary(min_size=1, max_size=4))
def test_bytes_left_over_are_malformed(record: Any, more: bytes) -> None:
    with pytest.raises(Malformed):
        codec.unpack(type(record), codec.pack(record) + more)


def test_more_than_the_limit_is_refused_unread() -> None:
    with pytest.raises(Malformed) as caught:
        codec.unpack(records.Signed, bytes(codec.MAX_BYTES + 1))

    assert caught.value.reason == "size"


def test_ten_thousand_mutations_are_read_or_malformed_and_nothing_else() -> None:
    rng = random.Random(20261125)  # noqa: S311 - a fixed seed, not a secret
    seeds = [codec.pack(record) for record in _examples()]
    kinds = [schema(name).record for name in NAMES]
    refused = 0

    for turn in range(10_000):
        number = turn % len(seeds)
        mutant = _mutate(bytearray(seeds[number]), rng)
        try:
            codec.unpack(kinds[number], mutant)
        except Malformed:
            refused += 1

    assert 1_000 < refused < 10_000


def _examples() -> list[Any]:
    """One record of each schema with two elements in every array."""
    return [_example(schema(name).json) for name in NAMES]


def _example(node: dict[str, Any]) -> Any:
    plain = {"boolean": True, "int": 300, "long": 2**40, "string": "grün", "bytes": b"\0\x80\xff"}
    values = {}
    for f in node["fields"]:
        if isinstance(f["type"], str):
            values[f["name"]] = plain[f["type"]]
        else:
            items = f["type"]["items"]
            one = plain[items] if isinstance(items, str) else _example(items)
            values[f["name"]] = (one, one)
    return getattr(records, node["name"])(**values)


def _mutate(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at:at] = rng.randbytes(rng.randint(1, 9))
            case 1:
                del data[at : at + rng.randint(1, 9)]
            case 2:
                data[at : at + 1] = rng.randbytes(1)
            case 3:
                data[at : at + 9] = zigzag(rng.choice((-1, 1)) * rng.getrandbits(63))
            case _:
                data[at : at + 8] = b"\xff" * rng.randint(1, 12)
    return bytes(data)


TAILS = (b"", b"abc", bytes(70_000), b"\xff" * 70_000)
HUGE = (2**62, 2**63 - 1, -1, -(2**62), -(2**63), 2**31, 65_537)


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("tail", TAILS, ids=["none", "some", "zeros", "ones"])
def test_a_huge_or_negative_length_is_malformed(number: int, tail: bytes) -> None:
    with pytest.raises(Malformed):
        codec.unpack(records.Signed, zigzag(1) + zigzag(number) + tail)


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("tail", TAILS, ids=["none", "some", "zeros", "ones"])
def test_a_huge_or_negative_count_is_malformed(number: int, tail: bytes) -> None:
    with pytest.raises(Malformed):
        codec.unpack(records.KeySet, zigzag(1) + zigzag(number) + tail)


def _bomb(name: str) -> bytes:
    """A record as large as may be whose first array is all zeros: the most elements for bytes."""
    out = b""
    for f in schema(name).json["fields"]:
        if isinstance(f["type"], dict):
            width = 1 if isinstance(f["type"]["items"], str) else len(f["type"]["items"]["fields"])
            count = (codec.MAX_BYTES - len(out) - 64) // width
            return out + zigzag(count) + bytes(count * width) + bytes(8)
        out += b"\0"
    raise LookupError(name)


WITH_ARRAYS = [
    n for n in NAMES if any(isinstance(f["type"], dict) for f in schema(n).json["fields"])
]


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_millions_of_cheap_elements_cost_neither_memory_nor_time(name: str) -> None:
    data, kind = _bomb(name), schema(name).record
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()

    with pytest.raises(Malformed) as caught:
        codec.unpack(kind, data)

    assert caught.value.reason == "size"
    assert time.process_time() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


@pytest.mark.parametrize("block", [1, 1000])
def test_many_small_blocks_count_together(block: int) -> None:
    blocks = codec.MAX_ITEMS // block + 1
    one = zigzag(-block) + zigzag(block) + bytes(block)
    tail = zigzag(0) * 6  # the fields behind `paused_groups` in a Beacon, all empty

    with pytest.raises(Malformed) as caught:
        codec.unpack(records.Beacon, zigzag(1) * 3 + one * blocks + tail)

    assert caught.value.reason == "size"


def test_as_many_elements_as_allowed_are_read() -> None:
    tags = (b"x",) * (codec.MAX_ITEMS - 1)
    beacon = records.Beacon(
        number=1, issued_ms=2, valid_until_ms=3, paused_groups=("g",), tags=tags, policies=()
    )

    assert codec.unpack(records.Beacon, codec.pack(beacon)) == beacon


def test_a_large_frame_batch_passes_the_count() -> None:
    one = _example(schema("FrameBatch").json)
    frame = one.frames[0]
    values = {n: getattr(frame, n) for n in type(frame).__slots__}
    large = records.Frame(**{**values, "data": bytes(900_000)})
    batch = records.FrameBatch(
        activity=1, first=True, final=True, ended="idle", prev_frame=-1, frames=(frame, large),
        gaps=one.gaps,
    )  # fmt: skip

    assert codec.unpack(records.FrameBatch, codec.pack(batch)) == batch


@pytest.mark.parametrize("size", [11, 20, 70_000, 8_000_000])
def test_a_number_that_does_not_end_costs_no_time(size: int) -> None:
    begun = time.process_time()

    with pytest.raises(Malformed):
        codec.unpack(records.KeySet, b"\xff" * size)

    assert time.process_time() - begun < 1


def test_text_that_is_not_utf8_is_malformed() -> None:
    with pytest.raises(Malformed):
        codec.unpack(records.Signed, zigzag(1) + zigzag(0) + zigzag(2) + b"\xff\xff" + zigzag(0))


def test_an_error_never_quotes_the_bytes() -> None:
    secret = b"hunter2-hunter2"

    with pytest.raises(Malformed) as caught:
        codec.unpack(records.Signed, zigzag(len(secret)) + secret)

    assert "hunter2" not in str(caught.value)


def test_an_empty_input_batch_is_small() -> None:
    assert len(codec.pack(testing.empty_input())) < 64


@LENIENT
@given(st.lists(any_record(), min_size=1, max_size=3))
def test_records_behind_each_other_are_found_where_they_end(made: list[Any]) -> None:
    data, at, found = memoryview(b"".join(map(codec.pack, made))), 0, []

    for record in made:
        one, at = codec.unpack_at(type(record), data, at)
        found.append(one)

    assert found == made
    assert at == len(data)
    with pytest.raises(Malformed):
        codec.unpack_at(type(made[0]), data[: len(codec.pack(made[0])) - 1], 0)


FLAT = [n for n in NAMES if all(f["type"] in ("bytes", "string") for f in schema(n).json["fields"])]


def test_what_carries_a_seal_is_flat() -> None:
    assert {"SealedBatch", "Part", "Marker"} <= set(FLAT)


@pytest.mark.parametrize("name", FLAT)
def test_a_flat_record_is_written_and_read_as_fastavro_does(name: str) -> None:
    own = schema(name)

    @LENIENT
    @given(record_of(name), st.integers(0, 40_000))
    def holds(record: Any, more: int) -> None:
        values = {f["name"]: getattr(record, f["name"]) for f in own.json["fields"]}
        first = own.json["fields"][0]
        values[first["name"]] += b"x" * more if first["type"] == "bytes" else "x" * more
        out = io.BytesIO()
        fastavro.schemaless_writer(out, own.parsed, values)

        assert codec.pack(own.record(**values)) == out.getvalue()
        assert codec.unpack(own.record, out.getvalue()) == own.record(**values)

    holds()
