"""The worker process: registries and keys first, then Faust, until told to stop.

Started by the supervisor only (``python -m overt_processors.worker``). It lives no longer than its
supervisor: its standard input is a pipe from it, and the end of that pipe is the end of the worker,
so that a supervisor killed with -9 leaves no second member of the group behind.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import uvloop

from overt_processors import collecting, metrics, telemetry
from overt_processors.acknowledge import EXIT_REDELIVER, Acknowledger, die
from overt_processors.app import attach, create_app
from overt_processors.apps import TABLE, App
from overt_processors.gate import Gate
from overt_processors.guard import EXIT_JUMPED
from overt_processors.hardening import seal_process
from overt_processors.keys import obtain
from overt_processors.processor import Context, Processor
from overt_processors.registries import RegistryReader
from overt_processors.settings import Settings, load
from overt_processors.watchdog import Watch
from overt_schemas.clock import SystemClock
from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_NOT_AUTHORISED,
    EXIT_OK,
    EXIT_USAGE,
    Permanent,
)

_STOP_S = 3.0  # the whole stop has five; what has not been committed by then is read again
_SUMMARY_S = 60.0
_TICK_S = 1.0
# A rebalance lasts as long as the slowest member takes to join again; twice the longest session.
_REBALANCE_S = 60.0


def main() -> None:
    """Run a worker; never returns."""
    seal_process()
    parser = argparse.ArgumentParser()
    parser.add_argument("--app", required=True, choices=list(TABLE))
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--instance", required=True)
    given = parser.parse_args()
    row = TABLE[given.app]
    telemetry.configure(row.name)
    threading.Thread(target=_die_with_supervisor, daemon=True).start()
    try:
        code = run(load(given.config), row, given.instance)
    except Permanent as exc:
        sys.stderr.write(f"{exc}\n")
        code = EXIT_NOT_AUTHORISED if exc.reason == "not_authorised" else EXIT_USAGE
    sys.stderr.flush()
    # Faust's and librdkafka's threads must not keep a stopped worker alive.
    os._exit(code)


def run(settings: Settings, row: App, instance: str) -> int:
    """Work until SIGTERM or SIGINT; returns the exit code."""
    clock, authority = SystemClock(), settings.authority
    if row.needs_keys:
        authority.require()
    connection = settings.kafka.connection(f"{row.name}-registries")
    content = row.topic if row.needs_keys else None
    with RegistryReader(connection, authority.root(), row.name, row.registries, content) as reader:
        reader.wait_ready()
        version = reader.current.keyring.version
        keys = None
        if row.needs_keys:
            keys = obtain(
                authority, lambda: reader.current.keyring, lambda: clock.wall_us() // 1000,
                time.sleep,
            )  # fmt: skip
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        app = create_app(settings, row, instance)
        pace = settings.pace(row.section)
        processor: Processor = row.make(Context(
            app=app, row=row, settings=settings, reader=reader, clock=clock, keys=keys,
            key_set=version,
            acknowledger=Acknowledger(limit=pace.in_flight, limit_bytes=pace.in_flight_bytes),
        ))  # fmt: skip
        gate = Gate(opened=lambda: settings.ready.touch(mode=0o600))
        attach(app, row, processor, gate)
        board = metrics.Board(app=row.name, in_flight=lambda: processor.acknowledger.in_flight)
        _wire(app, processor, gate, board)
        with metrics.serve(settings.metrics.listen, settings.state_dir / "metrics", board):
            code: int = loop.run_until_complete(
                _serve(app, processor, gate, board, settings, pace.commit_interval_s)
            )
        return code


def _wire(app: "faust.App", processor: Processor, gate: Gate, board: metrics.Board) -> None:  # type: ignore[name-defined] # noqa: F821
    """Connect the signals of the group's life."""

    async def revoked(_app: object, revoked: set[object], **_more: object) -> None:
        gate.shut()
        board.partitions = {}
        processor.revoke(_numbers(revoked))

    async def assigned(_app: object, assigned: set[object], **_more: object) -> None:
        partitions = _numbers(assigned)
        telemetry.partitions_assigned(partitions)
        gate.open_after(lambda: processor.assigned(partitions))

    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_partitions_assigned.connect(assigned, weak=False)


def _numbers(tps: set[object]) -> list[int]:
    return sorted(tp.partition for tp in tps)  # type: ignore[attr-defined]


async def _serve(
    app: "faust.App",  # type: ignore[name-defined] # noqa: F821
    processor: Processor,
    gate: Gate,
    board: metrics.Board,
    settings: Settings,
    interval_s: float,
) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    telemetry.quiet_libraries()
    await app.start()
    telemetry.quiet_libraries()
    collecting.settle()
    watching = loop.create_task(_watch(app, processor, board, interval_s))
    ticking = loop.create_task(_tick(processor, gate))
    stopping = loop.create_task(stop.wait())
    crashed = loop.create_task(app.wait_until_stopped())
    await asyncio.wait({watching, ticking, stopping, crashed}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        # No graceful stop: a broken app could commit what it should not.
        die(EXIT_REDELIVER, "faust_stopped")
    settings.ready.unlink(missing_ok=True)
    watching.cancel()
    ticking.cancel()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_leave(app), _STOP_S)
    telemetry.summary()
    return EXIT_OK


async def _tick(processor: Processor, gate: Gate) -> None:
    """Tell the processor the time while it has partitions; a tick that fails ends the process."""
    while True:
        await asyncio.sleep(_TICK_S)
        if not gate.is_open:
            continue
        try:
            await processor.tick(time.time_ns() // 1_000_000)
        except Exception as exc:
            die(EXIT_REDELIVER, "tick_failed", error=type(exc).__name__)


async def _leave(app: "faust.App") -> None:  # type: ignore[name-defined] # noqa: F821
    """Stop the app and leave the group, so that others take over at once."""
    # aiokafka never sends a leave for a member with an instance id, as a restart is to keep its
    # partitions. A worker that is told to stop is not coming back.
    thread = app.consumer._thread
    coordinator = thread._consumer._coordinator if thread and thread._consumer else None
    if coordinator is not None:
        coordinator._group_instance_id = None
    await app.stop()


async def _watch(
    app: "faust.App",  # type: ignore[name-defined] # noqa: F821
    processor: Processor,
    board: metrics.Board,
    interval_s: float,
) -> None:
    """End the process when commits stand still; count aloud now and then."""
    watch, told_s = Watch(interval_s=interval_s), time.monotonic()
    settled_s = told_s
    while True:
        await asyncio.sleep(interval_s)
        now_s = time.monotonic()
        if app.rebalancing:
            watch = Watch(interval_s=interval_s)
            if now_s - settled_s > _REBALANCE_S:
                die(EXIT_JUMPED, "rebalance_stands_still")
            continue
        settled_s = now_s
        committed = dict(app.consumer._committed_offset)
        own = app.consumer.assignment()
        board.look(
            {tp.partition: (committed.get(tp), app.consumer.highwater(tp)) for tp in own}, now_s
        )
        watch, late = watch.step(processor.acknowledger.processed(), committed, now_s)
        if late is not None:
            die(EXIT_JUMPED, "commits_stand_still", partition=late.partition)  # type: ignore[attr-defined]
        if now_s - told_s >= _SUMMARY_S:
            telemetry.summary()
            told_s = now_s


def _die_with_supervisor() -> None:
    while os.read(0, 64):
        pass
    die(EXIT_FAILURE, "supervisor_gone")


if __name__ == "__main__":
    main()
