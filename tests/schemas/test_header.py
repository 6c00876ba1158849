"""The clear header: 108 bytes, a closed list."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas.envelope import header
from overt_schemas.errors import Malformed
from overt_schemas.ids import BatchId, Stream

HEAD = header.ClearHeader(
    stream=Stream.FRAME, device=b"d" * 16, boot=b"b" * 16, previous=b"p" * 32, batch=1, segment=2,
    period=3, beacon=4, schema=21,
)  # fmt: skip
_U63 = st.integers(0, 2**63 - 1)


def _poke(at: int, value: int) -> bytes:
    data = bytearray(HEAD.pack())
    data[at] = value
    return bytes(data)


@given(
    st.builds(
        header.ClearHeader, stream=st.sampled_from(Stream),
        device=st.binary(min_size=16, max_size=16), boot=st.binary(min_size=16, max_size=16),
        previous=st.binary(min_size=32, max_size=32), batch=_U63, segment=_U63, period=_U63,
        beacon=_U63, schema=st.integers(0, 2**32 - 1), codec=st.just(header.CODEC_ZSTD_PADME),
    )
)  # fmt: skip
def test_a_header_comes_back_from_its_108_bytes(head: header.ClearHeader) -> None:
    packed = head.pack()

    assert len(packed) == header.BYTES == 108
    assert header.unpack(packed) == head


def test_the_layout_is_as_documented() -> None:
    u64 = [n.to_bytes(8, "little") for n in (1, 2, 3, 4)]

    assert HEAD.pack() == b"".join(
        (b"\1\1\0\0", b"d" * 16, b"b" * 16, b"p" * 32, *u64, b"\x15\0\0\0", bytes(4))
    )


def test_nothing_joins_the_closed_list() -> None:
    assert [f.name for f in fields(header.ClearHeader)] == [
        "stream", "device", "boot", "previous", "batch", "segment", "period", "beacon", "schema",
        "codec",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 104, 107, 109, 216])
def test_another_length_is_refused(size: int) -> None:
    with pytest.raises(Malformed):
        header.unpack((HEAD.pack() * 2)[:size])


@pytest.mark.parametrize(
    ("at", "known"),
    [(0, {header.VERSION}), (1, {0, 1}), (2, {0})],
    ids=["version", "stream", "codec"],
)
def test_every_unknown_version_stream_and_codec_is_refused(at: int, known: set[int]) -> None:
    for value in set(range(256)) - known:
        with pytest.raises(Malformed):
            header.unpack(_poke(at, value))


@pytest.mark.parametrize("at", [3, 104, 105, 106, 107])
def test_reserved_bytes_are_zero(at: int) -> None:
    with pytest.raises(Malformed):
        header.unpack(_poke(at, 1))


@pytest.mark.parametrize("name", ["batch", "segment", "period", "beacon"])
def test_a_number_that_no_signed_column_holds_is_refused(name: str) -> None:
    packed = replace(HEAD, **{name: 2**63}).pack()  # type: ignore[arg-type]

    with pytest.raises(Malformed):
        header.unpack(packed)


def test_identity_is_device_boot_stream_batch() -> None:
    assert HEAD.id == BatchId(device=HEAD.device, boot=HEAD.boot, stream=Stream.FRAME, batch=1)


def test_the_hash_of_a_batch_covers_header_nonce_and_ciphertext() -> None:
    packed = HEAD.pack()
    own = header.batch_hash(packed, header.content_hash(b"i" * 12, b"c"))

    assert own != header.batch_hash(_poke(20, 0), header.content_hash(b"i" * 12, b"c"))
    assert own != header.batch_hash(packed, header.content_hash(b"j" * 12, b"c"))
    assert own != header.batch_hash(packed, header.content_hash(b"i" * 12, b"d"))
