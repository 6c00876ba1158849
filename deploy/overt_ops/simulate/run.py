"""One simulated run from the first token to the account.

Enrol, capture and ship at the same time, wait until everything is published, refined and stored,
then read it all back under a grant of its own. What happens when a step dies: the simulator's
processes end with the run, the stack is left as it was found, and the run's folder is kept.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from overt_ops.demo import admin, counts, reading
from overt_ops.demo.admin import Door
from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_ops.private import private_dir
from overt_ops.simulate.account import Account, found, members
from overt_ops.simulate.fleet import Fleet, Member, Plan, Simulator
from overt_schemas import topics
from overt_schemas.clock import SystemClock
from overt_schemas.errors import Permanent, Transient

GROUP, READER = "fleet", "alice"
PATIENCE_S = 120.0  # for whatever comes after capture: a busy machine is slow, not broken
READ_S = 30  # everything is stored by then: what is not settled soon never will be
LOOK_S = 0.5
_GRANT_MS = 3_600_000
_FAULTS = ("quarantined", "chain_breaks", "frames_bad", "frames_missing", "late")
Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Run:
    """One fleet on a running stack. The steps are public: tests do things between them."""

    running: Running
    fleet: Fleet
    say: Say
    began_s: float
    since_parts: Mapping[int, int]
    since_dead: Mapping[int, int]

    @classmethod
    def begin(cls, running: Running, fleet: Fleet, say: Say) -> "Run":
        """Note where the topics stand: what was there before is not ours."""
        broker = AdminClient(running.admin())
        return cls(
            running=running, fleet=fleet, say=say, began_s=time.monotonic(),
            since_parts=counts.ends(broker, topics.PART),
            since_dead=counts.ends(broker, topics.DEADLETTER),
        )  # fmt: skip

    @property
    def door(self) -> Door:
        """The authority's door, as the reader."""
        return Door(
            url=self.running.authority_url, ca=self.running.layout.service_ca,
            principal=self.running.layout.principal(READER),
        )  # fmt: skip

    def enrol(self, devices: int) -> list[Member]:
        """Return so many new endpoints."""
        self.say(f"enrolling {devices} devices")
        given = admin.tokens(self.door, GROUP, devices)
        return self.fleet.enrol(self.running.authority_url, self.running.layout.service_ca, given)

    def drain(self, ship: Simulator) -> list[Mapping[str, Any]]:
        """Publish what the spools still hold and return their accounts.

        Raises:
            Permanent: ship had ended before by itself; or nothing was ever spooled.
        """
        self.say("publishing what is left")
        ship.stop()
        each = list(self.fleet.ship(until_empty=True).summary(PATIENCE_S)["each"])
        if not any(one["events_spooled"] for one in each):
            raise Permanent(
                f"nothing was captured: give it more --seconds, or read the logs in "
                f"{self.fleet.folder}",
                reason="capture",
            )
        return each

    def settle(self) -> None:
        """Wait until refine has written all that was published, and the sink has stored it.

        Raises:
            Transient: they do not get there.
        """
        self.say("waiting for refine and the sink")
        if not until(self._is_level, PATIENCE_S, LOOK_S):
            raise Transient(
                "refine or the sink is behind: stream-ops dev status, and their logs",
                reason="not_ready",
            )

    def grant(self, who: Sequence[Member]) -> str:
        """Return the reader's approved grant on these persons."""
        now_ms = SystemClock().wall_us() // 1000
        life = (now_ms - _GRANT_MS, now_ms + _GRANT_MS)
        persons = [one.person for one in who]
        return admin.grant(self.door, READER, reading.PURPOSE, persons, life)

    def read(self, who: Sequence[Member]) -> dict[str, Any]:
        """Read everything of these persons under a grant of its own; return the summary."""
        self.say("reading")
        settings = self.running.settings(READER)
        return reading.read(settings, self.grant(who), READ_S, events=0).summary

    def account(
        self, who: Sequence[Member], spools: Sequence[Mapping[str, Any]],
        summary: Mapping[str, Any], captured: Mapping[str, Any] | None,
    ) -> Account:  # fmt: skip
        """Put the account together; ``captured`` is what capture said, None if it was killed."""
        broker = AdminClient(self.running.admin())
        stored = counts.stored(self.running.layout.index, self.since_parts)
        told = captured or {}
        return Account(
            offered=told.get("offered"), captured=told.get("captured"),
            spooled=members(spools, {one.home: one.device for one in who}),
            found=found(summary["per_device"]), read=summary["read"], dropped=summary["gaps"],
            lost=summary["lost"], duplicated=summary["duplicated"],
            out_of_order=summary["out_of_order"], repeats=summary["repeats"],
            tombstones=summary["tombstones"], withheld=sum(summary["withheld"].values()),
            unlabelled=summary["holes"],
            dead_letters=_behind(counts.ends(broker, topics.DEADLETTER), self.since_dead),
            sessions={name: summary[name] for name in ("complete", "cut", "open", "red")},
            segments=summary["segments"],
            parts=_behind(counts.ends(broker, topics.PART), self.since_parts),
            parts_in_objects=stored.records, objects=stored.objects,
            frames_read=summary["frames_read"], faults=_faults(summary),
            seconds=round(time.monotonic() - self.began_s, 1),
        )  # fmt: skip

    def _is_level(self) -> bool:
        if any(counts.lag(self.running.admin(), group) for group in counts.REFINE):
            return False
        broker = AdminClient(self.running.admin())
        parts = _behind(counts.ends(broker, topics.PART), self.since_parts)
        return counts.stored(self.running.layout.index, self.since_parts).records >= parts


def simulate(running: Running, plan: Plan, folder: Path, say: Say) -> Account:
    """Run a fleet to its end.

    Raises:
        Permanent: a step failed for good.
        Transient: a step took too long.
    """
    with Fleet(folder) as fleet:
        run = Run.begin(running, fleet, say)
        who = run.enrol(plan.devices)
        ship, capture = fleet.ship(), fleet.capture(plan)
        say(f"capturing for {plan.span_s:.0f} s")
        captured = capture.summary(plan.span_s + PATIENCE_S)
        spools = run.drain(ship)
    run.settle()
    return run.account(who, spools, run.read(who), captured)


def new_folder(state: Path) -> Path:
    """Return a fresh folder for one run below the state directory."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    return private_dir(state / "simulate" / name)


def _behind(now: Mapping[int, int], since: Mapping[int, int]) -> int:
    return sum(now.values()) - sum(since.values())


def _faults(summary: Mapping[str, Any]) -> dict[str, int]:
    sums = {name: sum(summary[name].values()) for name in ("rejected", "refused")}
    return {name: int(summary[name]) for name in _FAULTS} | sums
