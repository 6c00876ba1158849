"""The canary: what a person typed is found by the granted reader and on no disk.

Not in topics (feeds, sessions and dead letters too), state, logs, metrics, nor where a worker fell
with it in its hands. 0 hits count only because the same scanner, over the same files, finds the
canary in spool, log and objects where a null sealer (a test double, in no wheel) leaves every seal
open, and in the dump of a worker that is careless.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from overt_ops.demo import admin, counts, reading
from overt_ops.demo.endpoint import program
from overt_ops.demo.waiting import until
from overt_ops.devstack import DEMO, Running, Stack
from overt_schemas.clock import SystemClock
from overt_schemas.topics import INPUT
from tests.walk import afterwards
from tests.walk.scanner import Report, scan
from tests.walk.typing_in_sight import (
    ALLOWED,
    FORBIDDEN,
    TIMES,
    Evening,
    canary,
    door,
    spend,
)

pytestmark = [pytest.mark.stack, pytest.mark.desktop, pytest.mark.timeout(420)]
NULL_SEALER = Path(__file__).parent / "null_sealer"


def settled(running: Running) -> bool:
    """Whether everything published has been refined, and everything refined stored.

    Asked along the path: refine commits once its parts are acknowledged, the sink once its objects
    stand in the index.
    """
    return all(counts.lag(running.admin(), group) == 0 for group in counts.GROUPS)


def grant_on(running: Running, person: str) -> str:
    """Return alice's grant on this person."""
    now_ms = SystemClock().wall_us() // 1000
    life = (now_ms - 3_600_000, now_ms + 3_600_000)
    return admin.grant(door(running), "alice", reading.PURPOSE, [person], life)


def text_read(running: Running, grant: str) -> str:
    """Return what alice sees typed under her grant."""
    argv = [
        program("overt-sub"), "read", "--config", str(running.settings("alice")), "--grant", grant,
        "--purpose", reading.PURPOSE, "--events", "0", "--text", "-o", "jsonl",
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def live_it_all_again(
    running: Running, evening: Evening, grant: str, folder: Path, careless: Path
) -> None:
    """Put something of the evening wherever content could end up, and let workers fall over it.

    ``careless`` gets what a worker had in its hands when it fell: there it must be found.
    """
    records = afterwards.raw_of(running, afterwards.device_of(evening.home))
    afterwards.publish(running, records)  # parts again: into the feed, past the session app
    afterwards.publish(running, records, torn=True)  # dead letters
    with afterwards.falling(running, folder, careless / "dump") as log:
        afterwards.publish(running, [r for r in records if r.topic == INPUT])
        assert until(lambda: b"agent_failed" in log.read_bytes(), 60, 0.2)
        assert until(lambda: settled(running), 60, 0.3)
    afterwards.abort(running, "refine-input")
    afterwards.abort(running, "feed")
    running.wait_ready(["refine-input", "feed"])
    assert until(lambda: settled(running), 60, 0.3)
    assert until(lambda: min(afterwards.held(running, grant).values()) > 0, 60, 0.5)
    assert all(file.stat().st_size for file in afterwards.scrape(running, folder))


def test_what_was_typed_is_read_under_a_grant_and_lies_in_no_file(
    product: Running, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    careless = tmp_path_factory.mktemp("careless")
    evening = spend(product, tmp_path, {})
    assert until(lambda: settled(product), 60, 0.3)
    grant = grant_on(product, str(evening.account["person"]))

    seen = text_read(product, grant)
    live_it_all_again(product, evening, grant, tmp_path, careless)
    places = [tmp_path, product.layout.state]
    allowed = scan(places, canary(ALLOWED, shown=True))
    forbidden = scan(places, canary(FORBIDDEN, shown=False))

    assert ALLOWED in seen
    assert FORBIDDEN not in seen
    assert evening.account["dropped"]["policy"] >= 2 * TIMES * len(FORBIDDEN)
    assert looked_at_everything(allowed)
    assert allowed.hits == []
    assert forbidden.hits == []
    assert [report.hits for report in evening.spool.values()] == [[], []]
    assert afterwards.cores(*places) == []
    # The worker that fell had it all in its hands.
    assert {"keysym", "keycode"} & scan([careless], canary(ALLOWED, shown=False)).forms


def looked_at_everything(report: Report) -> bool:
    """Whether there was something to look at: files, rows of databases, bytes of topics."""
    return report.files > 100 and report.rows > 50 and report.held_bytes > 1_000_000


@contextmanager
def open_refine(running: Running, folder: Path) -> Iterator[None]:
    """Run both processors with the null sealer, in place of the stack's own."""
    env = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": str(NULL_SEALER)}
    with ExitStack() as stack:
        for stream in ("input", "frame"):
            settings = running.layout.settings(f"refine-{stream}")
            argv = [program("overt-processors"), "refine", "--stream", stream]
            log = stack.enter_context((folder / f"refine-{stream}.log").open("wb"))
            child = subprocess.Popen(
                [*argv, "--config", str(settings)], env=env, stdout=log, stderr=log
            )
            stack.callback(child.wait, 20)
            stack.callback(child.terminate)
            ready = settings.parent / "state" / "ready"
            assert until(ready.exists, 60, 0.1), f"refine-{stream} is not ready"
        yield


def test_without_seals_the_scanner_finds_the_canary_in_spool_log_and_objects(
    tmp_path: Path,
) -> None:
    state, evening_folder = tmp_path / "state", tmp_path / "evening"
    running = Stack.up(state, services=("authority", "sink"), tuning=DEMO)
    try:
        with open_refine(running, tmp_path):
            evening = spend(running, evening_folder, {"PYTHONPATH": str(NULL_SEALER)})
            assert until(lambda: settled(running), 60, 0.3)
        looked_for = canary(ALLOWED, shown=True)
        spool = evening.spool[ALLOWED]
        log = scan([state / "kafka"], looked_for)
        objects = scan([state / "seaweed"], looked_for)
        forbidden = scan([state, evening_folder], canary(FORBIDDEN, shown=False))
    finally:
        running.down()

    for place in (spool, log, objects):
        assert {"keysym", "keycode"} & place.forms
    assert any("pixel" in form for form in log.forms)
    assert forbidden.hits == []
