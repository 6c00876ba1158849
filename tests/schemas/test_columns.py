"""Packed columns: what goes in comes out, and nothing is clamped."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas import columns, testing
from overt_schemas.errors import Malformed

RANGES = {
    "dt": (-(2**31), 2**31 - 1), "kind": (0, 5), "x": (-(2**15), 2**15 - 1),
    "y": (-(2**15), 2**15 - 1), "code": (0, 2**16 - 1), "state": (0, 2**16 - 1),
    "keysym": (0, 2**32 - 1), "flags": (0, 255), "layout": (0, 255),
}  # fmt: skip
WIDTHS = {
    "dt": 4, "kind": 1, "x": 2, "y": 2, "code": 2, "state": 2, "keysym": 4, "flags": 1, "layout": 1,
}  # fmt: skip


@st.composite
def _values(draw: st.DrawFn) -> dict[str, list[int]]:
    size = draw(st.integers(0, 20))
    return {
        name: draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
        for name, (low, high) in RANGES.items()
    }


def _columns(values: dict[str, list[int]]) -> columns.Columns:
    arrays: dict[str, Any] = {n: np.array(v, dtype=np.int64) for n, v in values.items()}
    return columns.Columns(**arrays)


def _fields(values: dict[str, list[int]]) -> dict[str, Any]:
    return {**_columns(values).to_bytes()}


@given(_values())
def test_columns_come_back_as_they_were(values: dict[str, list[int]]) -> None:
    batch = testing.empty_input(**_fields(values))

    read = columns.read(batch)

    assert {name: getattr(read, name).tolist() for name in RANGES} == values
    assert len(read) == len(values["dt"])


def test_columns_are_little_endian_and_as_wide_as_documented() -> None:
    written = _columns({name: [1] for name in RANGES}).to_bytes()

    assert written == {name: b"\1" + bytes(width - 1) for name, width in WIDTHS.items()}


def test_columns_that_come_out_are_read_only() -> None:
    read = columns.read(testing.empty_input(**_fields({name: [1] for name in RANGES})))

    assert not any(getattr(read, name).flags.writeable for name in RANGES)


@pytest.mark.parametrize("name", set(RANGES) - {"kind"})
@pytest.mark.parametrize("side", [0, 1], ids=["below", "above"])
def test_a_value_out_of_range_is_refused_not_clamped(name: str, side: int) -> None:
    values = {n: [0] for n in RANGES}
    values[name] = [RANGES[name][side] + (1 if side else -1)]

    with pytest.raises(Malformed) as caught:
        _columns(values).to_bytes()

    assert caught.value.reason == "columns"


@pytest.mark.parametrize("name", RANGES)
def test_columns_of_different_lengths_are_refused(name: str) -> None:
    fields = _fields({n: [0, 0] for n in RANGES})
    fields[name] = fields[name] + bytes(WIDTHS[name])

    with pytest.raises(Malformed):
        columns.read(testing.empty_input(**fields))


@pytest.mark.parametrize("name", [n for n, w in WIDTHS.items() if w > 1])
def test_a_column_cut_within_an_element_is_refused(name: str) -> None:
    fields = _fields({n: [0, 0] for n in RANGES})
    fields[name] = fields[name][:-1]

    with pytest.raises(Malformed):
        columns.read(testing.empty_input(**fields))


def test_an_unknown_kind_is_refused() -> None:
    fields = _fields({n: [0] for n in RANGES})

    with pytest.raises(Malformed):
        columns.read(testing.empty_input(**{**fields, "kind": b"\6"}))


def test_seqs_count_on_where_no_offsets_stand() -> None:
    batch = testing.empty_input(first_seq=40, kind=bytes(3))

    assert columns.seqs(batch).tolist() == [40, 41, 42]


def test_seqs_follow_the_offsets_of_a_thinned_batch() -> None:
    batch = testing.empty_input(first_seq=40, kind=bytes(2), seq=b"\1\0\0\0\5\0\0\0")

    assert columns.seqs(batch).tolist() == [41, 45]


BAD_SEQS: dict[str, dict[str, Any]] = {
    "fewer offsets": {"kind": bytes(2), "seq": bytes(4)},
    "half an offset": {"kind": bytes(1), "seq": bytes(3)},
    "negative": {"kind": bytes(1), "first_seq": -1},
    "near the end of 64 bits": {"kind": bytes(3), "first_seq": 2**63 - 2},
}


@pytest.mark.parametrize("fields", BAD_SEQS.values(), ids=BAD_SEQS)
def test_seqs_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        columns.seqs(testing.empty_input(**fields))


def test_a_frame_hash_is_of_the_pixels_not_their_place_in_memory() -> None:
    raster = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)
    view = np.zeros((4, 12, 4), np.uint8)
    view[:, :6] = raster

    assert columns.frame_hash(view[:, :6]) == columns.frame_hash(raster)
    assert columns.frame_hash(raster[::-1]) != columns.frame_hash(raster)
    assert len(columns.frame_hash(raster)) == 16
