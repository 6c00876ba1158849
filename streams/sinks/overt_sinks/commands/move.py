"""`overt-sink move` and `restore`."""

import time
from dataclasses import asdict
from typing import Annotated

import typer

from overt_schemas.errors import EXIT_FINDING, EXIT_PARTIAL
from overt_sinks import telemetry
from overt_sinks.commands.ending import leave, told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress
from overt_sinks.commands.saying import say
from overt_sinks.settings import load


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(move)
    app.command()(restore)


def move(
    config: Config,
    output: Output = "text",
    progress_: Progress = False,
    once: Annotated[bool, typer.Option("--once", help="One pass; the default.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="A pass a minute until SIGTERM.")] = False,
    every_s: Annotated[float, typer.Option(help="With --watch: between two passes.")] = 60.0,
) -> None:
    """Pack finished days, move on to cold what is due, delete in hot what has been moved."""
    telemetry.configure()
    if once and watch:
        leave("--once and --watch exclude each other: choose one", 2)
    with told():
        from overt_sinks.tiers import passing, wiring

        settings, stop = load(config), wiring.stopping()
        with wiring.open_index(settings) as index:
            mover = wiring.mover(settings, index, stop)
            tell = progress("move", "groups", wanted=progress_)
            began = time.monotonic()
            offsets = wiring.committed(settings)
            passing.run(mover, offsets, tell)
            while watch and not stop.wait(every_s):
                offsets = wiring.committed(settings)
                passing.run_patiently(mover, offsets, tell)
        seconds = time.monotonic() - began
    done = mover.done
    say(
        output, {**asdict(done), "hot_kept": offsets is None, "seconds": round(seconds, 3)},
        (
            f"{done.moved} objects moved, {done.records} records, {done.bytes} bytes,"
            f" {done.deleted} objects deleted, {done.waiting} wait, {seconds:.1f} s",
        ),
    )  # fmt: skip
    if done.findings:
        leave("some moves were not done: see docs/tiers.md, then verify", EXIT_FINDING)
    if offsets is None:
        leave("nothing was deleted in hot: Kafka does not tell the sink's offsets", EXIT_PARTIAL)


def restore(
    config: Config,
    output: Output = "text",
    progress_: Progress = False,
    object_: Annotated[str, typer.Option("--object", help="One cold object, by name.")] = "",
    person: Annotated[str, typer.Option(help="A pseudonym; with --day.")] = "",
    day: Annotated[str, typer.Option(help="YYYY-MM-DD; with --person.")] = "",
) -> None:
    """Bring cold objects back to warm: one, or those of one person's day."""
    telemetry.configure()
    if bool(object_) == bool(person and day):
        leave("name one --object, or a --person and a --day", 2)
    with told():
        from overt_sinks.tiers import passing, wiring

        settings = load(config)
        with wiring.open_index(settings) as index:
            mover = wiring.mover(settings, index, wiring.stopping())
            tell = progress("restore", "objects", wanted=progress_)
            asked = passing.restore(mover, tell, name=object_, person=person, day=day)
    done = mover.done
    left = asked - done.moved
    say(
        output, {**asdict(done), "left": left},
        (f"{done.moved} objects restored, {done.records} records, {done.bytes} bytes",),
    )  # fmt: skip
    if done.findings:
        leave("some objects are not what they must be: see docs/tiers.md", EXIT_FINDING)
    if not asked:
        leave("nothing of that stands in cold: overt-sink tiers shows what does", 1)
    if left:
        leave(f"{left} objects are in another move: try again in a while", EXIT_PARTIAL)
