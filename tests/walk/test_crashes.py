"""kill -9 of anything at any moment: what was spooled is read once, in order, or is labelled."""

import json
from pathlib import Path

import pytest

from overt_ops.devstack import Running
from overt_ops.simulate.account import findings
from overt_ops.simulate.fleet import Fleet, Plan
from overt_ops.simulate.run import Run
from tests.walk.chaos import schedule
from tests.walk.striking import Striker, say

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SEED = 20261125
DEVICES = 20


def test_kills_of_everything_behind_the_spool_lose_and_repeat_nothing(
    product: Running, tmp_path: Path
) -> None:
    with Fleet(tmp_path / "fleet") as fleet:
        run = Run.begin(product, fleet, say)
        who = run.enrol(DEVICES)
        striker = Striker(product, fleet, fleet.ship())
        capture = fleet.capture(Plan(devices=DEVICES, seconds=300, seed=SEED, stagger=1.0))
        striker.play(schedule(SEED, rounds=2, from_s=8.0, until_s=45.0))
        captured = capture.stop()
        spools = run.drain(striker.ship)
        run.settle()
        account = run.account(who, spools, run.read(who), captured)

    say(json.dumps({"killed": striker.killed, **account.as_json()}))
    assert findings(account) == []
    assert account.lost == account.duplicated == account.out_of_order == account.unlabelled == 0
    assert account.repeats > 0
