"""The account of the demo closes only when every event stands somewhere."""

import dataclasses

import pytest

from overt_ops.demo.account import Account, findings
from overt_ops.demo.source import Machine, Source, choose
from overt_schemas.errors import Permanent

CLOSED = Account(
    source="xvfb", offered=10, captured=10, read=7, dropped={"policy": 3}, lost=0, duplicated=0,
    sessions=1, segments=2, parts=9, parts_in_objects=9, objects=3, frames_read=4,
    refused={"topic": "a", "object": "b", "key": "c"}, ready_s=1.0, pss_mb=500.0,
)  # fmt: skip


def test_an_account_in_which_everything_stands_somewhere_closes() -> None:
    assert findings(CLOSED) == []


@pytest.mark.parametrize(
    "change",
    [
        {"offered": 11},
        {"captured": 9},
        {"read": 6},
        {"read": 0, "dropped": {"policy": 10}},
        {"dropped": {"policy": 2}},
        {"lost": 1},
        {"duplicated": 1},
        {"parts_in_objects": 8},
        {"refused": {"topic": "a", "object": "b"}},
        {"refused": {"topic": "a", "object": "b", "key": "b"}},
    ],
    ids=lambda change: " ".join(str(item) for item in change.items()),
)
def test_one_thing_missing_is_one_finding(change: dict[str, object]) -> None:
    account = dataclasses.replace(CLOSED, **change)  # type: ignore[arg-type]

    assert findings(account)


def test_a_person_typing_offers_an_unknown_number() -> None:
    assert findings(dataclasses.replace(CLOSED, offered=None)) == []


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
