"""`overt-sink tiers`, `lifecycle` and `retention`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from overt_schemas.errors import EXIT_FINDING
from overt_sinks import telemetry
from overt_sinks.commands.ending import leave, told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress
from overt_sinks.commands.saying import say
from overt_sinks.settings import load

_retention = typer.Typer(help="What expires, and when.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(tiers)
    app.command()(lifecycle)
    app.add_typer(_retention, name="retention")


def tiers(
    config: Config,
    output: Output = "text",
    tier: Annotated[str, typer.Option(help="Only this tier.")] = "",
) -> None:
    """Show what the tiers hold, by tier, day and class."""
    with told():
        from overt_sinks.tiers import inventory, wiring

        with wiring.open_index(load(config)) as index, index.transaction() as db:
            found = [s for s in inventory.shelves(db) if tier in ("", s.tier)]
    lines = [
        f"{s.tier:5} {s.day or '-':10} {s.class_ or '-':6} {s.objects:8} objects"
        f" {s.records:10} records {s.bytes:14} bytes"
        for s in found
    ]
    say(output, {"tiers": [_plain(asdict(s)) for s in found]}, lines)


def lifecycle(config: Config, output: Output = "text") -> None:
    """Show what moves and expires next, and when."""
    with told():
        from overt_sinks.tiers import inventory, wiring

        settings = load(config)
        with wiring.open_index(settings) as index, index.transaction() as db:
            rules, kept = wiring.rules(settings), wiring.retention(settings)
            found = sorted(inventory.lifecycle(db, rules, kept), key=lambda step: step.at_ms)
    lines = [
        f"{s.what:6} {s.tier:5} {s.day:10} {s.class_:6} {s.objects:8} at {s.at_ms}" for s in found
    ]
    say(output, {"lifecycle": [_plain(asdict(s)) for s in found]}, lines)


@_retention.command("plan")
def retention_plan(config: Config, output: Output = "text") -> None:
    """Show what would expire now, and remove nothing."""
    with told():
        from overt_schemas.clock import SystemClock
        from overt_sinks.tiers import expiry, wiring

        settings = load(config)
        with wiring.open_index(settings) as index:
            now_ms = SystemClock().wall_us() // 1000
            rows = expiry.due(index, wiring.retention(settings), now_ms)
            held = expiry.held(index, rows)
    values = {
        "objects": len(rows),
        "records": sum(row.records for row in rows),
        "bytes": sum(row.bytes for row in rows),
        "held": sum(row.person in held for row in rows),
        "days": sorted({(row.day, row.class_) for row in rows}),
    }
    text = f"{values['objects']} objects, {values['records']} records, {values['held']} on hold"
    say(output, values, (text,))


@_retention.command("run")
def retention_run(config: Config, output: Output = "text", progress_: Progress = False) -> None:
    """Remove what has expired."""
    telemetry.configure()
    with told():
        from overt_schemas.clock import SystemClock
        from overt_sinks.tiers import expiry, settling, wiring
        from overt_sinks.tiers.buckets import open_buckets

        settings = load(config)
        with wiring.open_index(settings) as index:
            tiers_ = open_buckets(settings)
            # What a mover may not delete, and what was begun before.
            settling.settle(wiring.mover(settings, index, wiring.stopping()), None)
            done = expiry.expire(
                index, tiers_, wiring.retention(settings), SystemClock(),
                progress("retention", "objects", wanted=progress_),
            )  # fmt: skip
    text = (
        f"{done.objects} objects expired, {done.records} records,"
        f" {done.held} on hold, {done.waiting} wait"
    )
    say(output, asdict(done), (text,))
    if done.findings:
        leave("some objects are not what they must be and stay: run verify", EXIT_FINDING)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it is printed: ``class`` is a word of Python."""
    return {"class" if name == "class_" else name: value for name, value in values.items()}
