"""`overt-sink hold` and `erase-day`: what concerns one person."""

import re
import time
from dataclasses import asdict
from typing import Annotated

import typer

from overt_schemas.errors import EXIT_PARTIAL, EXIT_USAGE
from overt_sinks import telemetry
from overt_sinks.commands.ending import leave, told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress
from overt_sinks.commands.saying import say
from overt_sinks.settings import load

_hold = typer.Typer(help="Legal holds: whose records may not go.", no_args_is_help=True)
_NOBODY = ("", "-")  # whose notices are
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
Person = Annotated[str, typer.Option("--person", help="A pseudonym.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_hold, name="hold")
    app.command("erase-day")(erase_day)


@_hold.command("add")
def hold_add(
    config: Config,
    person: Person,
    ticket: Annotated[str, typer.Option(help="The order behind it, by its number.")],
) -> None:
    """Place a hold; one that stands stays as it is."""
    telemetry.configure()
    if person in _NOBODY:
        leave("name a --person by pseudonym", EXIT_USAGE)
    with told():
        from overt_schemas.clock import SystemClock
        from overt_sinks.index.hold_rows import Hold, place
        from overt_sinks.tiers import object_rows, wiring

        with wiring.open_index(load(config)) as index, object_rows.deciding(index) as db:
            since_ms = SystemClock().wall_us() // 1000
            is_new = place(db, Hold(person=person, ticket=ticket, since_ms=since_ms))
    telemetry.hold_changed("placed" if is_new else "stands already")


@_hold.command("remove")
def hold_remove(config: Config, person: Person) -> None:
    """Lift a hold."""
    telemetry.configure()
    with told():
        from overt_sinks.index.hold_rows import lift
        from overt_sinks.tiers import object_rows, wiring

        with wiring.open_index(load(config)) as index, object_rows.deciding(index) as db:
            was_held = lift(db, person)
    telemetry.hold_changed("lifted" if was_held else "there was none")
    if not was_held:
        leave("that person is not on hold: overt-sink hold list shows who is", 1)


@_hold.command("list")
def hold_list(config: Config, output: Output = "text") -> None:
    """Show the holds, with their tickets."""
    with told():
        from overt_sinks.index.hold_rows import holds
        from overt_sinks.tiers import wiring

        with wiring.open_index(load(config)) as index, index.transaction() as db:
            found = holds(db)
    lines = [f"{hold.person} {hold.ticket} {hold.since_ms}" for hold in found]
    say(output, {"holds": [asdict(hold) for hold in found]}, lines)


def erase_day(
    config: Config,
    person: Person,
    day: Annotated[str, typer.Option(help="YYYY-MM-DD")],
    output: Output = "text",
    progress_: Progress = False,
) -> None:
    """Erase one person's day from every tier; repeat it if it was interrupted."""
    telemetry.configure()
    if not _DAY.fullmatch(day) or person in _NOBODY:
        leave("name a --person by pseudonym and a --day as YYYY-MM-DD", EXIT_USAGE)
    with told():
        from overt_schemas.clock import SystemClock
        from overt_sinks.erase.day import Eraser
        from overt_sinks.erase.rows import PersonDay
        from overt_sinks.tiers import wiring
        from overt_sinks.tiers.buckets import open_buckets

        settings = load(config)
        with wiring.open_index(settings) as index:
            began = time.monotonic()
            whose = PersonDay(person=person, day=day)
            eraser = Eraser(index, open_buckets(settings), SystemClock(), whose)
            done = eraser.run(progress("erase-day", "objects", wanted=progress_))
            seconds = time.monotonic() - began
    say(
        output, {**asdict(done), "seconds": round(seconds, 3)},
        (
            f"{done.records} records erased: {done.rewritten} objects rewritten,"
            f" {done.deleted} deleted, {seconds:.2f} s",
        ),
    )  # fmt: skip
    if done.left:
        leave(
            f"{done.left} of that day came meanwhile: refuse the person upstream and repeat",
            EXIT_PARTIAL,
        )
