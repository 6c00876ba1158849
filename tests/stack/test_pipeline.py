"""The operator's commands on a stack whose refine runs: what stands still, what is written back.

Records here are junk on purpose: refine sets each aside, so each leaves a letter to count.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer

from overt_ops.devstack import DEMO, Running, Stack
from overt_schemas import client
from overt_schemas.errors import (
    EXIT_FINDING,
    EXIT_NOT_AUTHORISED,
    EXIT_OK,
    EXIT_PARTIAL,
    EXIT_TIMED_OUT,
    EXIT_USAGE,
)
from overt_schemas.topics import INPUT
from tests.processors.stand import until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
Done = subprocess.CompletedProcess[str]
CLI = Path(sys.executable).parent / "stream-ops"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("ops") / "state"
    running = Stack.up(state, services=("authority", "refine-input"), tuning=DEMO)
    try:
        yield running
    finally:
        running.down()


@pytest.fixture
def ops(site: Running) -> Callable[..., Done]:
    def run(*words: str) -> Done:
        return subprocess.run(
            [str(CLI), *words, "--state", str(site.layout.state)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


def send(site: Running, count: int, text: bytes = b"junk") -> None:
    producer = Producer(client.producer(site.admin()))
    for number in range(count):
        producer.produce(INPUT, text + b"%d" % number, bytes(16), partition=number % 4)
    assert producer.flush(20) == 0


def worker(site: Running) -> int:
    """Return the pid of refine's Faust worker, which its supervisor started."""
    pid = next(row.pid for row in site.status() if row.name == "refine-input")
    (child,) = psutil.Process(pid).children()
    return child.pid


def letters(ops: Callable[..., Done]) -> list[dict[str, Any]]:
    done = ops("dlq", "list", "--limit", "0", "-o", "json")
    assert done.returncode == EXIT_OK, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["letters"]
    return found


def drained(ops: Callable[..., Done]) -> None:
    done = ops("pipeline", "drain", "--stage", "refine-input", "--timeout", "60s")
    assert (done.returncode, done.stderr) == (EXIT_OK, "")


def one_line(done: Done) -> str:
    *_, line = done.stderr.splitlines()
    assert line.startswith("stream-ops: ")
    assert "Traceback" not in done.stderr
    return line


def test_a_partition_that_stands_still_is_named_and_one_that_moves_is_not(
    site: Running, ops: Callable[..., Done]
) -> None:
    send(site, 8)
    drained(ops)
    moving = ops("pipeline", "lag", "--stage", "refine-input", "--stall-after", "2s")
    pid = worker(site)
    os.kill(pid, signal.SIGSTOP)
    try:
        send(site, 1)
        still = ops("pipeline", "lag", "--stage", "refine-input", "--stall-after", "2s",
                    "-o", "json")  # fmt: skip
        late = ops("pipeline", "drain", "--stage", "refine-input", "--timeout", "1s")
    finally:
        os.kill(pid, signal.SIGCONT)
    drained(ops)

    assert moving.returncode == EXIT_OK
    assert still.returncode == EXIT_FINDING
    assert json.loads(still.stdout)["stalled"] == [{"stage": "refine-input", "partition": 0}]
    assert "refine-input partition 0 stands still at" in one_line(still)
    assert late.returncode == EXIT_TIMED_OUT
    assert "refine-input 0 (1)" in one_line(late)


def test_the_picture_names_stages_that_nobody_runs(ops: Callable[..., Done]) -> None:
    done = ops("pipeline", "show")

    assert done.returncode == EXIT_OK, done.stderr
    assert "overt.input.v1 ─► refine-input" in done.stdout
    assert "1 member" in done.stdout
    frame = next(row for row in done.stdout.splitlines() if "refine-frame" in row)
    assert "nobody runs it" in frame


def test_a_restart_waits_until_the_stage_is_back_and_moves(
    site: Running, ops: Callable[..., Done]
) -> None:
    before = worker(site)
    send(site, 40)

    done = ops("pipeline", "restart", "refine-input", "sink")

    assert done.returncode == EXIT_OK, done.stderr
    assert "refine-input is back and moves" in done.stdout
    assert "sink does not run, left alone" in done.stdout
    assert worker(site) != before
    drained(ops)


def test_letters_are_listed_shown_written_back_and_decided_once(
    site: Running, ops: Callable[..., Done]
) -> None:
    send(site, 1, b"of this test")
    drained(ops)
    newest = letters(ops)[-1]
    place = str(newest["place"])

    shown = ops("dlq", "show", place, "-o", "json")
    pointless = ops("dlq", "redrive", place)
    dry = ops("dlq", "redrive", "--all", "--force", "-o", "json")
    forced = ops("dlq", "redrive", place, "--force", "-o", "json")
    drained(ops)
    again = ops("dlq", "redrive", place, "--force", "-o", "json")
    discarded = ops("dlq", "discard", "--all", "--yes", "-o", "json")

    assert newest["reason"] == "malformed"
    assert json.loads(shown.stdout)["clear"] == {"record": "does not parse (malformed)"}
    assert "of this test" not in shown.stdout
    assert pointless.returncode == EXIT_PARTIAL
    assert json.loads(dry.stdout)["dry_run"] is True
    assert json.loads(dry.stdout)["redriven"] == []
    assert [row["place"] for row in json.loads(forced.stdout)["redriven"]] == [place]
    assert json.loads(again.stdout)["redriven"] == []
    assert json.loads(again.stdout)["decided_before"] == [place]
    # Written back it was set aside once more: a letter of its own, discarded with the rest.
    assert len(json.loads(discarded.stdout)["discarded"]) >= 2
    states = {str(row["place"]): row["verdict"] for row in letters(ops)}
    assert states.pop(place) == "redriven"
    assert set(states.values()) == {"discarded"}


def test_who_may_only_look_writes_nothing_back(site: Running, ops: Callable[..., Done]) -> None:
    send(site, 1, b"kept")
    drained(ops)
    place = str(letters(ops)[-1]["place"])
    looks = str(site.settings("operator"))

    done = ops("dlq", "redrive", place, "--force", "--config", looks)
    verdict = ops("dlq", "discard", place, "--config", looks)

    assert (done.returncode, verdict.returncode) == (EXIT_NOT_AUTHORISED, EXIT_NOT_AUTHORISED)
    assert "come in as `redrive`" in one_line(done)
    assert letters(ops)[-1]["verdict"] == "none"


@pytest.mark.parametrize(
    "words",
    ["dlq show x", "dlq show 0:999999",
     "dlq redrive 99:1", "dlq list --since soon", "dlq explain nothing",
     "pipeline lag --stage sinks", "pipeline restart", "replay plan", "replay plan --since 2",
     "replay plan --topic overt.part.v1 --since 2h", "replay plan --from yesterday"],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(ops: Callable[..., Done], words: str) -> None:
    if words == "dlq explain nothing":
        done = subprocess.run([str(CLI), *words.split()], capture_output=True, text=True)
    else:
        done = ops(*words.split())

    assert done.returncode == EXIT_USAGE, done.stderr
    assert one_line(done)


def test_a_replay_repeats_what_was_planned_and_nothing_else(
    site: Running, ops: Callable[..., Done]
) -> None:
    send(site, 20)
    drained(ops)
    before = len(letters(ops))

    plan = ops("replay", "plan", "--from", "0", "--partition", "1", "-o", "json")
    started = ops("replay", "start")
    until(lambda: ops("replay", "status").returncode == EXIT_OK, 60, "replayed")
    drained(ops)

    document = json.loads(plan.stdout)
    assert plan.returncode == EXIT_OK
    assert [row["partition"] for row in document["partitions"]] == [1]
    assert started.returncode == EXIT_OK, started.stderr
    assert len(letters(ops)) == before + document["repeats"]
    status = json.loads(ops("replay", "status", "-o", "json").stdout)
    assert (status["done"], status["repeats_left"]) == (status["of"], 0)


def test_a_replay_killed_in_the_middle_is_finished_by_the_next_start(
    site: Running, ops: Callable[..., Done]
) -> None:
    before = len(letters(ops))
    plan = ops("replay", "plan", "--since", "1h", "-o", "json")
    repeats = json.loads(plan.stdout)["repeats"]
    command = [str(CLI), "replay", "start", "--state", str(site.layout.state)]
    file = Path(json.loads(plan.stdout)["file"])
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        until(lambda: '"step": "planned"' not in file.read_text(), 30, "under way")
        first.kill()

    cut = ops("replay", "status")
    again = ops("replay", "start")
    until(lambda: ops("replay", "status").returncode == EXIT_OK, 60, "replayed")
    drained(ops)

    assert cut.returncode == EXIT_PARTIAL
    assert "`stream-ops replay start` goes on" in cut.stdout
    assert again.returncode == EXIT_OK, again.stderr
    assert len(letters(ops)) == before + repeats


def test_a_stage_that_somebody_else_runs_is_not_set_back_under_it(site: Running) -> None:
    """Every partition of a group with members carries its refusal; the call itself succeeds."""
    from overt_ops.pipeline.doors import load
    from overt_ops.pipeline.stages import STAGES
    from overt_ops.replay.offsets import Group
    from overt_schemas.errors import OvertError

    own = load(site.settings("refine-input"))
    group = Group(STAGES[0], load(site.settings("operator")), own)
    before = group.seen()[0].committed

    with pytest.raises(OvertError):
        group.set_back({0: 0})

    assert group.seen()[0].committed == before
