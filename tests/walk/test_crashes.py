"""kill -9 of anything at any moment: what was spooled is read once, in order, or is labelled."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from overt_ops.demo.reading import PURPOSE
from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_ops.simulate.account import Account, findings
from overt_ops.simulate.fleet import Fleet, Member, Plan
from overt_ops.simulate.run import READ_S, READER, Run
from overt_producer.spool.quota import Store
from overt_producer.spool.store import Boot, Spool
from overt_schemas.ids import Stream
from overt_subscriber import Authority, Gap, InputBlock, Session, Stored, Subscription, load
from overt_subscriber.sessions import State
from overt_subscriber.subscription import KILLED, Block
from tests.walk.chaos import schedule
from tests.walk.striking import Striker, say

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SEED = 20261125
DEVICES = 20
BEGIN_S = 3.0  # the last of the staggered devices starts at 19
LONGER_S = 3600.0  # than any of it: capture ends when the last strike is done
CUT_DEVICES, CUT_BATCHES = 8, 6
HELD_S = 2.0


def figures(killed: Counter[str], account: Account) -> None:
    """Print the account, without the rows of the devices."""
    shown = {k: v for k, v in account.as_json().items() if k != "each"}
    say(json.dumps({"killed": dict(killed), "kills": killed.total(), **shown}))


# Refine is struck twice a round and stream: its supervisor, and the worker alone.
@pytest.mark.parametrize(
    ("seed", "rounds", "until_s"),
    [(SEED, 3, 48.0), pytest.param(7, 12, 240.0, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_kills_of_everything_behind_the_spool_lose_and_repeat_nothing(
    product: Running, tmp_path: Path, seed: int, rounds: int, until_s: float
) -> None:
    strikes = schedule(seed, rounds, BEGIN_S, until_s)
    middle = len(strikes) // 2
    with Fleet(tmp_path / "fleet") as fleet:
        run = Run.begin(product, fleet, say)
        who = run.enrol(DEVICES)
        striker = Striker(product, fleet, fleet.ship())
        capture = fleet.capture(Plan(devices=DEVICES, seconds=LONGER_S, seed=seed, stagger=1.0))
        striker.play(strikes[:middle])
        with striker.without_ship():
            let_go = let_go_of_content(fleet.homes / who[0].home)
        striker.play(strikes[middle:])
        captured = capture.stop()
        spools = run.drain(striker.ship)
        run.settle()
        account = run.account(who, spools, run.read(who), captured)

    figures(striker.killed, account)
    assert findings(account) == []
    assert account.lost == account.duplicated == account.out_of_order == 0
    assert account.unlabelled == account.dead_letters == 0
    # Holes are tombstones, and what was in them stands under their label. What the killed ship had
    # sent already without having noted it came as content, which wins.
    assert 0 < account.tombstones == account.batches_missing <= let_go
    let_go_of = account.dropped.get("cap", 0)
    assert account.events_spooled == account.read + account.thinned + let_go_of
    assert account.sessions == {"complete": DEVICES, "cut": 0, "open": 0, "red": 0}
    assert account.repeats > 0


def let_go_of_content(home: Path) -> int:
    """Let a home's spool go of all that waits in it, as its quota would; return the count.

    Ship is dead, so what has come since is on its way to nobody: that much is sure to be let go of.
    """
    spool = Spool(home / "spool.db")
    try:
        before = _pending(spool)
        assert until(lambda: _pending(spool) >= before + 2, 30), "nothing comes to the spool"
        return sum(spool.enforce(Store(age_h=72, cap_bytes=0), time.time_ns() // 10**6).values())
    finally:
        spool.close()


def _pending(spool: Spool) -> int:
    pending: Any = spool.account()["pending"]
    return int(pending["input"] + pending["frame"])


def test_a_kill_of_capture_costs_what_it_held_and_shows_as_one_gap_in_each_session(
    product: Running, tmp_path: Path
) -> None:
    with Fleet(tmp_path / "fleet") as fleet:
        run = Run.begin(product, fleet, say)
        who = run.enrol(CUT_DEVICES)
        ship = fleet.ship()
        capture = fleet.capture(Plan(devices=CUT_DEVICES, seconds=LONGER_S, seed=SEED))
        enough = until(lambda: min(spooled(fleet, who)) >= CUT_BATCHES, 90, 0.2)
        assert enough, "capture did not come to spool"
        killed_s = time.time()
        capture.kill()
        fleet.capture(Plan(devices=CUT_DEVICES, seconds=8, seed=SEED + 1)).summary(60)
        spools = run.drain(ship)
        boots = {one.home: boots_of(fleet, one) for one in who}
        run.settle()
        blocks, summary = read(run, who)
        account = run.account(who, spools, summary, captured=None)

    figures(Counter(capture=1), account)
    first = {boot.boot for one in who for boot in boots[one.home][:1]}
    cut = [b.id for b in blocks if isinstance(b, Session) and b.state is State.CUT]
    gaps = Counter(b.session for b in blocks if isinstance(b, Gap) and b.reason == KILLED)
    held_s = [held(boots[one.home][0], blocks, killed_s) for one in who]
    say(f"held by capture when it was killed, in seconds: {[round(s, 2) for s in held_s]}")
    assert findings(account) == []
    assert account.sessions == {"complete": CUT_DEVICES, "cut": CUT_DEVICES, "open": 0, "red": 0}
    assert {session.boot for session in cut} == first
    assert gaps == dict.fromkeys(cut, 1)
    assert account.events_spooled == account.read + account.thinned
    assert max(held_s) <= HELD_S


def spooled(fleet: Fleet, who: list[Member]) -> list[int]:
    """Return how many input batches each device has spooled by now."""
    return [sum(boot.input_batches for boot in boots_of(fleet, one)) for one in who]


def boots_of(fleet: Fleet, one: Member) -> list[Boot]:
    """Return what a spool knows of its boots, in order."""
    spool = Spool(fleet.homes / one.home / "spool.db")
    try:
        return spool.boots()
    finally:
        spool.close()


def held(boot: Boot, blocks: list[Block], killed_s: float) -> float:
    """Return how long before the kill the last spooled second ended: all after it was only held."""
    own = next(b for b in blocks if isinstance(b, InputBlock) and b.session.boot == boot.boot)
    # One batch a second from the activity's first on, so any of them tells when each began.
    began_s = int(own.t_us[0]) // 1_000_000 - own.batch
    return killed_s - (began_s + boot.input_batches)


def read(run: Run, who: list[Member]) -> tuple[list[Block], dict[str, Any]]:
    """Read with the library what `overt-sub read` reads; return everything and the summary."""
    settings, grant = load(run.running.settings(READER)), run.grant(who)
    deadline_s = time.monotonic() + READ_S
    with Authority(settings.authority) as authority:
        subscription = Subscription(
            Stored(authority, grant, follow=True), authority, grant=grant, purpose=PURPOSE,
            streams=tuple(Stream),
            until=lambda report: report.is_settled or time.monotonic() >= deadline_s,
        )  # fmt: skip
        return list(subscription.blocks()), subscription.report.to_json()
