"""Carrying out a plan, step by step; cut off anywhere, the next start goes on. SHELL."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from overt_ops.pipeline.standing import Seen
from overt_ops.private import write_private
from overt_ops.replay.plan import (
    ALTERING,
    PLANNED,
    RUNNING,
    STARTING,
    STOPPING,
    Plan,
    from_json,
    moves,
    settle,
    to_json,
)
from overt_schemas.errors import Permanent


class Brokers(Protocol):
    """The stage's group and topic."""

    def topic_id(self) -> str:
        """Return the brokers' id of the topic."""
        ...

    def seen(self) -> Mapping[int, Seen]:
        """Return how each partition stands."""
        ...

    def wait_empty(self) -> None:
        """Return once nobody is in the group; raises Transient if somebody stays."""
        ...

    def set_back(self, offsets: Mapping[int, int]) -> None:
        """Commit these offsets; raises if any partition was refused."""
        ...


class Process(Protocol):
    """The stage's process."""

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""
        ...

    def start(self) -> None:
        """Start it and wait until it is ready."""
        ...


def read(path: Path) -> Plan:
    """Return the plan kept in a file.

    Raises:
        Permanent: there is none.
    """
    try:
        return from_json(path.read_text())
    except (OSError, UnicodeDecodeError) as exc:
        raise Permanent(
            f"no plan in {path}: make one with `stream-ops replay plan`", reason="plan"
        ) from exc


def write(path: Path, plan: Plan) -> Plan:
    """Keep a plan; in one step, so that a file is always one or the other."""
    write_private(path, to_json(plan))
    return plan


def start(path: Path, brokers: Brokers, process: Process, told: Callable[[str], object]) -> Plan:
    """Return the plan once its stage reads from its first offsets.

    Raises:
        Permanent: the topic was made anew, or the brokers refuse.
        Transient: somebody stays in the group, or the brokers are away: start again.
    """
    plan = read(path)
    if plan.step == RUNNING:
        return plan
    if brokers.topic_id() != plan.topic_id:
        raise Permanent(
            f"{plan.topic} was made anew, its offsets mean other records: plan again",
            reason="plan",
        )
    if plan.step == PLANNED:
        plan = write(path, plan.at(STOPPING))
    if plan.step in (STOPPING, ALTERING):
        told(f"stopping {plan.stage}")
        process.stop()
        brokers.wait_empty()
    if plan.step == STOPPING:
        plan = write(path, settle(plan, brokers.seen()))
    if plan.step == ALTERING:
        told(f"setting {plan.stage} back")
        wanted = moves(plan, brokers.seen())
        if wanted:
            brokers.set_back(wanted)
        _verify(plan, brokers.seen())
        plan = write(path, plan.at(STARTING))
    told(f"starting {plan.stage}")
    process.start()
    return write(path, plan.at(RUNNING))


def _verify(plan: Plan, seen: Mapping[int, Seen]) -> None:
    """Read back: a refusal of one partition is no exception of the call."""
    left = moves(plan, seen)
    if left:
        listed = ", ".join(map(str, sorted(left)))
        raise Permanent(
            f"the brokers did not take the offsets of partitions {listed}: nothing was started, "
            "start again",
            reason="offsets",
        )
