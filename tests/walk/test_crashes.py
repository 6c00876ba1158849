"""kill -9 of capture: what it held is lost and shows as one gap; what it had spooled is read."""

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
from overt_producer.spool.store import Boot, Spool
from overt_schemas.ids import Stream
from overt_subscriber import Authority, Gap, InputBlock, Session, Stored, Subscription, load
from overt_subscriber.sessions import State
from overt_subscriber.subscription import KILLED, Block
from tests.walk.striking import say

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SEED = 20261125
LONGER_S = 3600.0  # than any of it: capture is killed before
CUT_DEVICES, CUT_BATCHES = 8, 6
HELD_S = 2.0


def figures(killed: Counter[str], account: Account) -> None:
    """Print the account, without the rows of the devices."""
    shown = {k: v for k, v in account.as_json().items() if k != "each"}
    say(json.dumps({"killed": dict(killed), "kills": killed.total(), **shown}))


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
