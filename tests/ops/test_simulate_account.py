"""The account of a simulated fleet closes only when every spooled event stands at the reader."""

import dataclasses

import pytest

from overt_ops.simulate.account import Account, Read, Spooled, findings, found, members

ONE = Spooled(
    home="dev-000", device="aa", events=7, batches={"input": 3, "frame": 3}, gaps={"policy": 3}
)
CLOSED = Account(
    offered=10, captured=10, spooled=(ONE,),
    found={"aa": Read(events=7, batches={"input": 3, "frame": 3})},
    read=7, dropped={"policy": 3}, lost=0, duplicated=0, out_of_order=0, repeats=4, tombstones=0,
    withheld=0, unlabelled=0, dead_letters=0,
    sessions={"complete": 1, "cut": 0, "open": 0, "red": 0}, segments=2, parts=10,
    parts_in_objects=10, objects=3, frames_read=4, faults={"late": 0}, seconds=1.0,
)  # fmt: skip
CUT = {"complete": 1, "cut": 1, "open": 0, "red": 0}


def test_an_account_in_which_everything_spooled_was_read_closes_whatever_came_twice() -> None:
    assert findings(CLOSED) == []


def test_a_killed_capture_cannot_say_what_was_offered_and_its_session_is_cut() -> None:
    killed = dataclasses.replace(CLOSED, offered=None, captured=None, sessions=CUT)

    assert findings(killed) == []


def test_what_was_thinned_is_neither_read_nor_missing() -> None:
    some = {"aa": Read(events=2, thinned=5, batches={"input": 3, "frame": 3})}
    dropped = {"policy": 3, "thinned_hover": 5}
    thinned = dataclasses.replace(CLOSED, found=some, read=2, dropped=dropped)

    assert findings(thinned) == []


def test_a_withheld_batch_stands_as_its_mark() -> None:
    less = {"aa": Read(events=5, batches={"input": 2, "frame": 3})}
    withheld = dataclasses.replace(
        CLOSED, found=less, read=5, dropped={"policy": 3, "after_pause": 2}, withheld=1
    )

    assert findings(withheld) == []


def test_what_a_spool_let_go_of_stands_as_tombstones() -> None:
    """How many of a dropped batch's events the endpoint had refused, nobody can read any more."""
    less = {"aa": Read(events=5, batches={"input": 2, "frame": 3})}
    dropped = dataclasses.replace(
        CLOSED, found=less, read=5, dropped={"policy": 1, "cap": 2}, tombstones=1
    )

    assert findings(dropped) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"offered": 11}, "offered 11, captured 10"),
        ({"captured": 9, "offered": 9}, "captured 9, spooled and refused 10"),
        ({"read": 6}, "read and dropped 9"),
        ({"dropped": {}}, "read and dropped 7"),
        ({"lost": 1}, "events lost"),
        ({"duplicated": 1}, "events read twice"),
        ({"out_of_order": 1}, "out of order"),
        ({"dead_letters": 1}, "dead letters"),
        ({"unlabelled": 1}, "without a label"),
        ({"tombstones": 1}, "1 tombstones and 0 marks did"),
        ({"sessions": {"red": 1}}, "sessions red"),
        ({"sessions": {"open": 1}}, "sessions open"),
        ({"parts_in_objects": 9}, "9 in objects"),
        ({"faults": {"chain_breaks": 2}}, "2 chain_breaks"),
        ({"found": {}}, "6 batches did not come"),
        ({"found": {"aa": Read(events=6, batches={"input": 3, "frame": 3})}}, "dev-000 spooled 7"),
        ({"spooled": (dataclasses.replace(ONE, pending=2),)}, "2 records left"),
        ({"spooled": (ONE, dataclasses.replace(ONE, home="dev-9", events=0))}, "dev-9 captured"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_one_thing_missing_is_said_in_a_sentence(change: dict[str, object], says: str) -> None:
    account = dataclasses.replace(CLOSED, **change)  # type: ignore[arg-type]

    assert any(says in line for line in findings(account))


def test_the_spools_and_the_readers_sums_are_laid_side_by_side_by_device() -> None:
    told = {
        "device": "dev-000", "events_spooled": 7, "spooled": {"input": 3, "frame": 3},
        "gaps_spooled": {"policy": 3}, "pending": {"input": 0, "frame": 0, "statements": 0},
    }  # fmt: skip
    boots = {
        "b1": {"events": 3, "thinned": 1, "last_seq": 2, "input_batches": 1, "frame_batches": 2},
        "b2": {"events": 4, "thinned": 0, "last_seq": 3, "input_batches": 2, "frame_batches": 1},
    }

    assert members([told], {"dev-000": "aa"}) == (ONE,)
    (read,) = found({"aa": boots}).values()
    assert read == dataclasses.replace(CLOSED.found["aa"], thinned=1)
    assert CLOSED.as_json()["each"] == {"dev-000": {"spooled": 7, "read": 7, "thinned": 0}}
