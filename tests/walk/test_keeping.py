"""What is stored, as an operator keeps it: checked, moved, restored, erased, with the commands
of the docs, on the real stack; and readers read the same from wherever it stands."""

import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from overt_ops.demo.endpoint import program
from overt_ops.devstack import Running
from overt_ops.simulate.fleet import Fleet, Member, Plan
from overt_ops.simulate.run import PATIENCE_S, Run, new_folder
from overt_schemas.clock import SystemClock
from overt_schemas.testing import FakeClock
from overt_sinks.settings import load
from overt_sinks.tiers import passing, wiring
from overt_sinks.tiers.buckets import open_buckets
from overt_sinks.tiers.mover import Done, Mover
from tests.stack import brokers

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
_TWO_DAYS_S = 2 * 86_400


class Operator:
    """Somebody who types commands at a stack."""

    def __init__(self, stack: Running) -> None:
        self.stack = stack

    def type(self, *words: str, code: int = 0) -> str:
        argv = [program("stream-ops"), *words, "--state", str(self.stack.layout.state)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, f"{words}: {done.returncode} {done.stdout} {done.stderr}"
        return done.stdout + done.stderr

    def ask(self, *words: str, code: int = 0) -> dict[str, Any]:
        found = json.loads(self.type(*words, "-o", "json", code=code).splitlines()[0])
        assert isinstance(found, dict)
        return found


def passed(stack: Running, after_s: int) -> Done:
    """What a pass of the mover does that comes so much later."""
    config = load(stack.settings("mover"))
    clock = FakeClock(wall=SystemClock().wall_us())
    clock.advance(after_s)
    with wiring.open_index(config) as index:
        never = threading.Event()
        mover = Mover(index, open_buckets(config), wiring.rules(config), clock, pause=never.wait)
        passing.run(mover, wiring.committed(config), lambda _done, _total: None)
    assert not mover.done.findings
    return mover.done


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Running]:
    """A stack of its own: time goes on by days here, and everything that stands is counted."""
    with brokers.stack(tmp_path / "state") as running:
        running.start(["authority", "refine-input", "refine-frame", "sink"])
        yield running


@pytest.fixture
def run(product: Running) -> Iterator[tuple[Run, list[Member]]]:
    """Two persons of whom everything is stored."""
    with Fleet(new_folder(product.layout.state)) as fleet:
        made = Run.begin(product, fleet, lambda _text: None)
        who = made.enrol(2)
        ship, capture = fleet.ship(), fleet.capture(Plan(devices=2, seconds=5, seed=7, stagger=0.2))
        capture.summary(5 + PATIENCE_S)
        made.drain(ship)
        made.settle()
        yield made, who


def events(run: Run, who: Member) -> tuple[int, int, int]:
    """What a subscriber reads of one person through the authority."""
    found = run.read([who])
    assert found["lost"] == found["duplicated"] == found["holes"] == 0
    return found["read"], found["segments"], found["frames_read"]


def test_what_is_stored_is_kept_by_the_commands_of_the_docs(
    product: Running, run: tuple[Run, list[Member]]
) -> None:
    ops, (reader, (one, other)) = Operator(product), run
    day = datetime.now(UTC).date().isoformat()
    before = events(reader, one), events(reader, other)

    # Is everything stored?
    stored = ops.ask("sink", "verify")
    assert stored["clean"]
    assert stored["records"] > 10
    assert "no gaps" in ops.type("sink", "gaps")
    assert "nothing to mend" in ops.type("sink", "reconcile")
    assert [step["what"] for step in ops.ask("tier", "lifecycle")["lifecycle"]][:1] == ["pack"]

    # Moved: today is not over, so nothing moves yet; in two days it does.
    assert ops.ask("tier", "move")["moved"] == 0
    assert passed(product, _TWO_DAYS_S).moved >= 4
    assert ops.ask("sink", "verify")["records"] == stored["records"]
    assert {row["tier"] for row in ops.ask("tier", "list")["tiers"]} == {"hot", "warm"}
    assert events(reader, one) == before[0]

    # After the grace what stood in hot goes.
    assert passed(product, 2 * _TWO_DAYS_S).deleted == stored["objects"]
    assert "nothing stands there" in ops.type("tier", "show", "hot")
    assert day in ops.type("tier", "show", "warm")
    assert ops.ask("sink", "verify")["clean"]
    assert events(reader, one) == before[0]

    # Held, then erased: for good, in every tier, and nobody else notices.
    ops.type("tier", "hold", "add", one.person, "--ticket", "LEGAL-1")
    assert "LEGAL-1" in ops.type("tier", "hold", "list")
    ops.type("tier", "erase-day", one.person, day, "--yes", code=4)
    ops.type("tier", "hold", "remove", one.person)
    assert "say --yes" in ops.type("tier", "erase-day", one.person, day, code=2)
    erased = ops.ask("tier", "erase-day", one.person, day, "--yes")
    assert erased["records"] > 0
    after = ops.ask("sink", "verify")
    assert (after["clean"], after["gone"]) == (True, erased["records"])
    assert ops.ask("sink", "gaps")["offsets"] == {"erased": erased["records"]}
    assert events(reader, other) == before[1]
    assert reader.read([one])["read"] == 0
    assert ops.ask("tier", "erase-day", one.person, day, "--yes")["records"] == 0
