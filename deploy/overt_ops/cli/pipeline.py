"""``stream-ops pipeline``: how the stream stands, draining it, and restarting it stage by stage."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from overt_ops.cli.doors import door_of
from overt_ops.cli.options import Config, Output, State
from overt_ops.devstack import Stack, default_state
from overt_ops.dlq import spans
from overt_ops.pipeline import standing
from overt_ops.pipeline.doors import OPERATOR
from overt_ops.pipeline.stages import named
from overt_ops.pipeline.standing import Spot, Standing
from overt_ops.pipeline.view import picture, rows
from overt_schemas.errors import EXIT_FINDING, Permanent

app = typer.Typer(
    no_args_is_help=True,
    help="The stream: refine-input, refine-frame, session, feed, sink.\n\n"
    "A partition that stands still is found by its committed offset, not by whether its process "
    "is up: `pipeline lag --stall-after 30s` watches so long and exits with 3 if one stands.",
)

Stages = Annotated[list[str] | None, typer.Option("--stage", help="Only this one; repeatable.")]
_LOOK_S = 1.0


@app.command()
def show(
    stage: Stages = None, state: State = None, config: Config = None, output: Output = "table"
) -> None:
    """Draw the stages with their members, lag and rate (two looks, two seconds apart)."""
    from overt_ops.pipeline.look import Look

    stages = named(stage or ())
    look = Look(door_of(state, config, OPERATOR).connection)
    now = standing.step({}, look.seen(stages), time.monotonic())
    members = {s.name: look.members(s) for s in stages}
    time.sleep(2 * _LOOK_S)
    now = standing.step(now, look.seen(stages), time.monotonic())
    if output == "json":
        groups = {
            name: {"state": m.state, "members": m.count, "partitions": sorted(m.partitions)}
            for name, m in members.items()
        }
        typer.echo(json.dumps({"groups": groups, "partitions": rows(now)}))
        return
    typer.echo(picture(stages, now, members))


@app.command()
def lag(
    stage: Stages = None,
    stall_after: Annotated[
        str, typer.Option(help="Watch, and exit 3 if a partition commits nothing for so long.")
    ] = "",
    state: State = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Show lag and committed offset of every group and partition; find those that stand still.

    Without --stall-after one look. With it the watch ends as soon as every partition has moved or
    has nothing left, or once one has stood still for so long.
    """
    from overt_ops.pipeline.look import Look

    stages = named(stage or ())
    after_s = spans.ms(stall_after) / 1000 if stall_after else 0.0
    if stall_after and not after_s:
        raise Permanent("--stall-after 0s: nothing moves in no time, say 30s", reason="usage")
    look = Look(door_of(state, config, OPERATOR).connection)
    now = standing.step({}, look.seen(stages), time.monotonic())
    while stall_after and standing.undecided(now, after_s):
        time.sleep(min(_LOOK_S, max(0.1, after_s / 4)))
        now = standing.step(now, look.seen(stages), time.monotonic())
    still = standing.stalled(now, after_s) if stall_after else []
    if output == "json":
        stands = [{"stage": name, "partition": p} for name, p in still]
        typer.echo(json.dumps({"partitions": rows(now), "stalled": stands}))
    else:
        _table(now, still)
    for name, p in still:
        seen = now[name, p].seen
        sys.stderr.write(
            f"stream-ops: {name} partition {p} stands still at {seen.committed} with {seen.lag} "
            f"behind: `stream-ops pipeline restart {name}`, and read its log\n"
        )
    if still:
        raise typer.Exit(EXIT_FINDING)


@app.command()
def drain(
    stage: Stages = None,
    timeout: Annotated[str, typer.Option(help="Exit 6 if something is left after so long.")] = "5m",
    state: State = None,
    config: Config = None,
) -> None:
    """Wait until nothing is left to do in any stage; stop the producers first, or it may not end.

    The session stage writes counts every half minute: it is the last to be done.
    """
    from overt_ops.pipeline.drain import drain as wait
    from overt_ops.pipeline.look import Look

    stages = named(stage or ())
    look = Look(door_of(state, config, OPERATOR).connection)
    columns = (TextColumn("draining"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("", total=None)
        done = wait(
            look, stages, spans.ms(timeout) / 1000,
            lambda left, most: bar.update(task, completed=most - left, total=most),
        )  # fmt: skip
    typer.echo(f"drained: nothing is left in {', '.join(s.name for s in stages)} ({done} records)")


@app.command()
def restart(
    stage: Annotated[list[str] | None, typer.Argument(help="Stages; `all` for each.")] = None,
    timeout: Annotated[str, typer.Option(help="For each stage to be back and moving.")] = "2m",
    state: State = None,
) -> None:
    """Restart stages of the embedded stack one by one, each back and moving before the next.

    Nothing is lost by a restart: what was read and not committed is read again. Stages that are not
    running are left alone.
    """
    from overt_ops.pipeline.drain import settled
    from overt_ops.pipeline.look import Look

    if not stage:
        raise Permanent("say which stages, or `all`", reason="usage")
    stages = named(() if stage == ["all"] else stage)
    running = Stack.find(state or default_state())
    look = Look(door_of(state, None, OPERATOR).connection)
    up = {row.name for row in running.status() if row.state == "ready"}
    for each in stages:
        if each.name not in up:
            typer.echo(f"{each.name} does not run, left alone")
            continue
        before_s = time.monotonic()
        running.restart(each.name)
        settled(look, each, spans.ms(timeout) / 1000)
        typer.echo(f"{each.name} is back and moves ({time.monotonic() - before_s:.1f} s)")


def _table(now: Mapping[Spot, Standing], still: list[Spot]) -> None:
    table = Table(box=None)
    table.add_column("group", no_wrap=True)
    for heading in ("partition", "committed", "end", "lag", "expired", "still"):
        table.add_column(heading, justify="right")
    for (name, p), s in now.items():
        committed = "-" if s.seen.committed is None else str(s.seen.committed)
        table.add_row(
            name, str(p), committed, str(s.seen.end), str(s.seen.lag),
            str(s.seen.expired or ""), f"{s.still_s:.0f} s" if s.still_s else "",
            style="bold red" if (name, p) in still else None,
        )  # fmt: skip
    Console(highlight=False).print(table)
