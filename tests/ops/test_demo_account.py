"""The account of the demo closes only when every event stands somewhere."""

import dataclasses
import io

import pytest
from rich.console import Console

from overt_ops.demo import view
from overt_ops.demo.account import Account, faults, findings
from overt_ops.demo.source import Machine, Source, choose
from overt_schemas.errors import Permanent

CLOSED = Account(
    source="xvfb", offered=10, captured=10, read=7, dropped={"policy": 3}, lost=0, duplicated=0,
    sessions=1, segments=2, parts=9, parts_in_objects=9, objects=3, frames_read=4, live=7,
    live_same=True, from_feed=40, e2e_ms_p50=900, e2e_ms_p99=1800,
    refused={"topic": "a", "object": "b", "key": "c"}, ready_s=1.0, pss_mb=500.0,
)  # fmt: skip


def test_an_account_in_which_everything_stands_somewhere_closes() -> None:
    assert findings(CLOSED) == []


def test_what_was_thinned_stands_in_the_account_under_its_rule() -> None:
    dropped = {"policy": 3, "thinned_hover": 4, "thinned_drag": 1}
    thinned = dataclasses.replace(CLOSED, read=2, live=2, dropped=dropped)
    out = io.StringIO()

    Console(width=100, file=out).print(view.account(thinned, findings(thinned)))

    shown = [line.strip("│ ") for line in out.getvalue().splitlines()]
    assert findings(thinned) == []
    assert [line.split()[:3] for line in shown if line.startswith(("dropped", "thinned"))] == [
        ["dropped", "3", "policy,"], ["thinned", "1", "thinned_drag,"],
        ["thinned", "4", "thinned_hover,"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"offered": 11},
        {"captured": 9},
        {"read": 6, "live": 6},
        {"read": 0, "live": 0, "dropped": {"policy": 10}},
        {"dropped": {"policy": 2}},
        {"lost": 1},
        {"duplicated": 1},
        {"parts_in_objects": 8},
        {"frames_read": 0},
        {"live": 6},
        {"live": 8},
        {"live_same": False},
        {"from_feed": 0},
        {"sessions": 0},
        {"offered": None},
        {"source": "scripted", "offered": None},
        {"refused": {"topic": "a", "object": "b"}},
        {"refused": {"topic": "a", "object": "b", "key": "b"}},
    ],
    ids=lambda change: " ".join(str(item) for item in change.items()),
)
def test_one_thing_missing_is_one_finding(change: dict[str, object]) -> None:
    account = dataclasses.replace(CLOSED, **change)  # type: ignore[arg-type]

    assert findings(account)


def test_what_the_live_reader_lacks_is_named_by_itself() -> None:
    assert findings(dataclasses.replace(CLOSED, live=6)) == ["read 7, live 6"]
    assert "something else" in findings(dataclasses.replace(CLOSED, live_same=False))[0]


def test_nobody_pressed_a_key_and_the_account_closes_without_a_latency() -> None:
    quiet = dataclasses.replace(CLOSED, e2e_ms_p50=None, e2e_ms_p99=None)

    Console(width=80, file=io.StringIO()).print(view.account(quiet, findings(quiet)))

    assert findings(quiet) == []


def test_a_person_typing_offers_an_unknown_number() -> None:
    assert findings(dataclasses.replace(CLOSED, source="desktop", offered=None)) == []


SOUND = {
    "quarantined": 0, "out_of_order": 0, "holes": 0, "late": 0, "chain_breaks": 0, "frames_bad": 0,
    "open": 0, "red": 0, "rejected": {}, "refused": {}, "complete": 1, "cut": 0,
    "frames_missing": 0, "withheld": {},
}  # fmt: skip


def test_a_reader_that_found_nothing_wrong_adds_nothing() -> None:
    assert faults(SOUND) == []


@pytest.mark.parametrize("name", sorted(SOUND.keys() - {"complete", "cut"}))
def test_whatever_the_reader_found_wrong_keeps_the_account_open(name: str) -> None:
    wrong = {"signature": 2} if isinstance(SOUND[name], dict) else 2

    (said,) = faults({**SOUND, name: wrong})

    assert said.startswith("2 ")


ALL = frozenset({"Xvfb", "openbox", "mousepad"})


@pytest.mark.parametrize(
    ("environment", "programs", "source"),
    [
        ({"DISPLAY": ":0"}, ALL, Source.DESKTOP),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, ALL, Source.XVFB),
        ({}, ALL, Source.XVFB),
        ({}, frozenset({"Xvfb"}), Source.SCRIPTED),
    ],
)
def test_auto_takes_the_first_source_that_can_run(
    environment: dict[str, str], programs: frozenset[str], source: Source
) -> None:
    machine = Machine(environment=environment, programs=programs)

    assert choose(Source.AUTO, machine).source is source


@pytest.mark.parametrize("asked", [Source.DESKTOP, Source.XVFB])
def test_a_source_asked_for_that_cannot_run_is_refused_with_what_to_do(asked: Source) -> None:
    machine = Machine(environment={}, programs=frozenset())

    with pytest.raises(Permanent, match="--source scripted"):
        choose(asked, machine)
