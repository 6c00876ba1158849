import gzip
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas import codec
from overt_schemas.columns import Kind
from overt_schemas.envelope import padding
from overt_schemas.ids import new_id
from overt_schemas.testing import ScriptedDevice, empty_input
from tests.walk.forms import US_KEYCODES, Found
from tests.walk.scanner import Canary, scan, search

TEXT = "quokka 417"
PIXELS = np.random.default_rng(7).integers(0, 256, (6, 24, 4)).astype(np.uint8)
CANARY = Canary(text=TEXT, pixels=PIXELS)
# No zero byte: UTF-16 of the other order begins with one, and noise must not lend it.
NOISE = secrets.token_bytes(5000).replace(b"\0", b"\1")


def forms(data: bytes, canary: Canary = CANARY) -> set[str]:
    return {found.form for found in search(data, canary)}


def raster(x: int = 100, y: int = 50, fourth: int = 0xFF) -> np.ndarray:
    """A screen with the canary's pixels at a place."""
    screen = np.full((200, 320, 4), 0x40, np.uint8)
    screen[y : y + PIXELS.shape[0], x : x + PIXELS.shape[1]] = PIXELS
    screen[..., 3] = fourth
    return screen


def typed(text: str, values: Callable[[str], int], kind: str, between: tuple[int, ...]) -> bytes:
    """A column in which each key down is followed by its release and these values."""
    column = [v for char in text for v in (values(char), values(char), *between)]
    return np.array(column, kind).tobytes()


@pytest.mark.parametrize("form", ["utf-8", "utf-16-le", "utf-16-be"])
def test_text_is_found_in_each_encoding(form: str) -> None:
    assert forms(NOISE + TEXT.encode(form) + NOISE) == {form}


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("between", [(), (0, 0, 0), (0xFFE1, 0)], ids=["none", "moves", "shift"])
def test_a_keysym_column_is_found_at_any_offset(shift: int, between: tuple[int, ...]) -> None:
    column = typed(TEXT, ord, "<u4", between)

    assert forms(NOISE[:shift] + column + NOISE) == {"keysym"}


@pytest.mark.parametrize("shift", range(2))
@pytest.mark.parametrize("between", [(), (0, 0, 0), (50, 1)], ids=["none", "moves", "shift"])
def test_a_keycode_column_is_found_at_any_offset(shift: int, between: tuple[int, ...]) -> None:
    column = typed(TEXT, US_KEYCODES.__getitem__, "<u2", between)

    assert forms(NOISE[:shift] + column + NOISE) == {"keycode"}


def test_a_letter_typed_twice_is_found_with_much_between() -> None:
    assert forms(typed("aaaaaaaa", ord, "<u4", (0,) * 13), Canary(text="aaaaaaaa")) == {"keysym"}


def test_letters_in_another_order_or_too_far_apart_are_not_the_canary() -> None:
    assert forms(typed(TEXT[::-1], ord, "<u4", ())) == set()
    assert forms(typed(TEXT, ord, "<u4", (0,) * 20)) == set()
    assert forms(typed(TEXT[:-1], ord, "<u4", ())) == set()


@pytest.mark.parametrize(
    ("screen", "form"),
    [
        (raster(), "pixels"),
        (raster(x=0, y=0), "pixels"),
        (raster(fourth=0), "pixels-x0"),
        (raster()[..., :3], "pixels-bgr"),
        (raster()[..., 2::-1], "pixels-rgb"),
        (raster()[48:60, 90:130], "pixels"),
    ],
    ids=["bgrx", "corner", "bgr0", "bgr", "rgb", "tile"],
)
def test_pixels_are_found_wherever_they_were_shown(screen: np.ndarray, form: str) -> None:
    assert forms(b"x" + np.ascontiguousarray(screen).tobytes()) == {form}


def test_one_row_of_pixels_alone_is_not_the_picture() -> None:
    screen = raster()
    screen[51:60] = 0

    assert forms(screen.tobytes()) == set()


def squeezed(text: bytes) -> bytes:
    """A frame in which the text does not stand in clear: it repeats what came before."""
    halves = text[: len(text) // 2], text[len(text) // 2 :]
    return zstandard.compress(b"|".join((*halves, text, *halves, text)) * 3)


def test_compressed_pieces_are_opened_whatever_lies_around_them_and_inside_each_other() -> None:
    inner = squeezed(TEXT.encode("utf-16-le"))
    outer = gzip.compress(b"between" + zstandard.compress(NOISE + inner + NOISE))

    found = list(search(NOISE + outer + NOISE, CANARY))

    # Noise does not compress, so frames stand in clear inside each other: there are several ways.
    ways = [[step.split("@")[0] for step in one.way.split("/")[:-1]] for one in found]
    assert {one.form for one in found} == {"utf-16-le"}
    assert ["gzip", "zstd", "zstd"] in ways


def test_a_frame_that_is_cut_short_gives_what_can_be_read() -> None:
    frame = zstandard.compress(TEXT.encode() * 3 + secrets.token_bytes(400_000))

    assert forms(frame[:200_000]) == {"utf-8"}


def test_several_frames_in_a_row_are_all_opened() -> None:
    frames = b"".join(zstandard.compress(secrets.token_bytes(50)) for _ in range(20))

    assert forms(frames + zstandard.compress(TEXT.encode())) == {"utf-8"}


def sealed(*, open_seal: bool) -> bytes:
    """A spooled batch of the canary's key downs and ups, sealed or, as the null sealer, not."""
    keysyms = typed(TEXT, ord, "<u4", ())
    count = len(keysyms) // 4
    zeros = bytes(count)
    batch = empty_input(
        keysym=keysyms, code=typed(TEXT, US_KEYCODES.__getitem__, "<u2", ()),
        kind=bytes([Kind.KEY_DOWN, Kind.KEY_UP]) * (count // 2), dt=zeros * 4, x=zeros * 2,
        y=zeros * 2, state=zeros * 2, flags=zeros, layout=zeros,
    )  # fmt: skip
    device = ScriptedDevice(boot=new_id())
    record = device.seal(device.period(), batch).record
    if open_seal:
        return record.header + padding.pack(codec.pack(batch)) + bytes(16)
    return codec.encode(record)


def test_an_unsealed_batch_gives_the_canary_away_and_a_sealed_one_does_not() -> None:
    assert forms(sealed(open_seal=True)) == {"keysym", "keycode"}
    assert forms(sealed(open_seal=False)) == set()


def test_a_database_is_read_row_by_row_because_pages_cut_long_values(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    plain = secrets.token_bytes(9000) + zstandard.compress(NOISE + TEXT.encode("utf-16-be")) + NOISE
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute('CREATE TABLE "odd ""name" (id INTEGER, value BLOB, note TEXT)')
        db.execute('INSERT INTO "odd ""name" VALUES (1, ?, ?)', (plain, "clear " + TEXT))
        db.commit()
        report = scan([tmp_path], CANARY)  # before the checkpoint: it stands in the log alone

    assert {"utf-8", "utf-16-be"} <= report.forms
    assert any(hit.way.startswith('odd ""name.value:zstd@9000/') for hit in report.hits)
    assert report.rows == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spool.db"]


def test_a_walk_looks_at_every_regular_file_and_says_how_much(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "00000.log").write_bytes(NOISE + squeezed(TEXT.encode()))
    (tmp_path / "empty").touch()
    (tmp_path / "clean").write_bytes(zstandard.compress(NOISE))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(deep / "00000.log")

    report = scan([tmp_path], CANARY)

    assert [hit.path for hit in report.hits] == [deep / "00000.log"]
    assert (report.files, report.frames) == (3, 2)
    assert report.size_bytes > 2 * len(NOISE)


def test_a_canary_over_the_border_of_two_windows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.walk.forms._WINDOW", 64)

    assert forms(bytes(50) + typed(TEXT, ord, "<u4", (0,)) + bytes(500)) == {"keysym"}


def test_what_lies_over_the_border_of_two_stretches_or_behind_a_hole_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.walk.scanner._STRETCH", 4096)
    monkeypatch.setattr("tests.walk.scanner._OVERLAP", 1024)
    whole, sparse = tmp_path / "whole", tmp_path / "sparse"
    whole.write_bytes(NOISE[:4000] + squeezed(TEXT.encode()) + NOISE * 3)
    with sparse.open("wb") as file:
        file.seek(64 * 1_048_576)
        file.write(NOISE + TEXT.encode("utf-16-le") + NOISE)
        file.truncate(128 * 1_048_576)

    report = scan([tmp_path], CANARY)

    assert {(hit.path, hit.form) for hit in report.hits} == {
        (whole, "utf-8"), (sparse, "utf-16-le"),
    }  # fmt: skip
    assert report.held_bytes < 1_048_576 < report.size_bytes


def test_a_short_canary_is_refused_because_it_turns_up_by_chance() -> None:
    with pytest.raises(ValueError, match="by chance"):
        Canary(text="abc")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=2000), st.binary(max_size=200))
def test_no_bytes_make_the_search_fail_or_find_what_is_not_there(head: bytes, tail: bytes) -> None:
    data = head + b"\x28\xb5\x2f\xfd" + tail + b"\x1f\x8b\x08" + head

    assert list(search(data, CANARY)) == list[Found]()
