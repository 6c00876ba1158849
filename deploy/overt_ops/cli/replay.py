"""``stream-ops replay``: let refine read a stretch of raw records once more."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from overt_ops.cli.doors import door_of
from overt_ops.cli.options import Output, State
from overt_ops.devstack import Stack, default_state
from overt_ops.dlq import spans
from overt_ops.pipeline.doors import OPERATOR
from overt_ops.pipeline.stages import STAGES, Stage
from overt_ops.replay.plan import PLANNED, RUNNING, Plan, Target, make, progress
from overt_ops.replay.process import Elsewhere, InStack
from overt_ops.replay.start import read, write
from overt_ops.replay.start import start as carry_out
from overt_schemas.errors import EXIT_PARTIAL, Permanent
from overt_schemas.topics import INPUT, RAW

if TYPE_CHECKING:
    from overt_ops.replay.offsets import Group

app = typer.Typer(
    no_args_is_help=True,
    help="Replay: set a refine group back, so that it reads raw records again.\n\n"
    "Everything it had done is done once more; readers and the index know a batch by its hash and "
    "drop the repeats. Offsets are only ever set back, never forward past a record. "
    "`replay plan` changes nothing: it shows what would be read, and what is gone already.",
)

Config = Annotated[
    Path | None,
    typer.Option("--config", help="The stage's own settings, instead of a stack's."),
]
Topic = Annotated[str, typer.Option("--topic", help="overt.input.v1 or overt.frame.v1.")]
File = Annotated[
    Path | None, typer.Option("--file", help="The plan; default one a topic, beside the stack.")
]


@app.command("plan")
def plan_(
    topic: Topic = INPUT,
    since: Annotated[str, typer.Option(help="The last 15m, 2h, 3d.")] = "",
    begin: Annotated[
        str, typer.Option("--from", help="An offset, or a time (2026-11-25T08:00, UTC).")
    ] = "",
    to: Annotated[str, typer.Option("--to", help="The same; default where the group is.")] = "",
    partition: Annotated[
        list[int] | None, typer.Option(help="Only this partition; repeatable.")
    ] = None,
    file: File = None,
    state: State = None,
    config: Config = None,
    again: Annotated[
        bool, typer.Option("--again", help="Replace a plan that was not carried out to its end.")
    ] = False,
    output: Output = "table",
) -> None:
    """Show what would be read again, what retention took and what waits; keep the plan."""
    if bool(since) == bool(begin):
        raise Permanent("say where to begin: --since 2h, or --from", reason="usage")
    stage, path = _stage(topic), _path(topic, file, state)
    group = _group(stage, state, config)
    if not again and path.exists() and read(path).step not in (PLANNED, RUNNING):
        raise Permanent(
            f"{path} is a replay under way: `stream-ops replay start` goes on with it, "
            "--again gives it up",
            reason="plan",
        )
    now_ms = time.time_ns() // 1_000_000
    wanted = group.at(now_ms - spans.ms(since)) if since else _offsets(group, stage, begin)
    ends = _offsets(group, stage, to) if to else {}
    if partition:
        unknown = set(partition) - set(stage.partitions)
        if unknown:
            raise Permanent(f"{topic} has no partition {min(unknown)}", reason="usage")
        wanted = {p: offset for p, offset in wanted.items() if p in partition}
    target = Target(stage=stage.name, topic=topic, topic_id=group.topic_id())
    seen = group.seen()
    plan = write(path, make(target, seen, wanted, ends, now_ms))
    behind = sum(s.lag for s in seen.values())
    if output == "json":
        typer.echo(json.dumps({**_document(plan, path), "waiting": behind}))
        return
    _table(plan)
    typer.echo(f"{plan.repeats} records are processed once more; readers drop what they have.")
    if behind:
        typer.echo(f"{behind} new records wait behind them.")
    typer.echo(f"{stage.name} stops for some seconds; nothing is lost, live data comes late.")
    typer.echo(f"kept in {path}: `stream-ops replay start` does it")


@app.command("start")
def start_(
    topic: Topic = INPUT,
    file: File = None,
    state: State = None,
    config: Config = None,
) -> None:
    """Carry the plan out: stop the stage, set its group back, read that back, start it again.

    If it is cut off, start it again: it goes on where it was. With --config the stage's processes
    are yours to stop and start; the group must be empty.
    """
    stage, path = _stage(topic), _path(topic, file, state)
    before = read(path)
    if before.stage != stage.name:
        raise Permanent(f"{path} is a plan for {before.stage}: name its --topic", reason="usage")
    console = Console(stderr=True, highlight=False)
    process = (
        InStack(running=Stack.find(state or default_state()), name=stage.name)
        if config is None
        else Elsewhere(name=stage.name, say=console.print)
    )
    plan = carry_out(path, _group(stage, state, config), process, console.print)
    if before.step == RUNNING:
        typer.echo("carried out before: `stream-ops replay status`")
    else:
        typer.echo(f"{stage.name} reads {plan.repeats} records once more: `replay status`")


@app.command()
def status(
    topic: Topic = INPUT,
    file: File = None,
    state: State = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Show how far the replay is; exit 5 while it is not at its end."""
    stage, path = _stage(topic), _path(topic, file, state)
    plan = read(path)
    group = _group(stage, state, config)
    if plan.stage != stage.name or plan.topic_id != group.topic_id():
        raise Permanent(f"{path} is a plan for another topic than this {topic}", reason="plan")
    rows = progress(plan, group.seen())
    done, of = sum(r.done for r in rows), sum(r.of for r in rows)
    left = sum(r.repeats_left for r in rows)
    if output == "json":
        typer.echo(json.dumps({
            "step": plan.step, "done": done, "of": of, "repeats_left": left,
            "partitions": [
                {"partition": r.partition, "done": r.done, "of": r.of,
                 "repeats_left": r.repeats_left} for r in rows
            ],
        }))  # fmt: skip
    else:
        for r in rows:
            typer.echo(
                f"partition {r.partition}: {r.done} of {r.of}, {r.repeats_left} repeats left"
            )
        share = 100 * done // of if of else 100
        typer.echo(f"{plan.step}: {done} of {of} records ({share} %)")
        if plan.step not in (PLANNED, RUNNING):
            typer.echo("it was cut off: `stream-ops replay start` goes on")
    if done < of:
        raise typer.Exit(EXIT_PARTIAL)


def _stage(topic: str) -> Stage:
    if topic not in RAW.values():
        raise Permanent(
            f"only {' and '.join(RAW.values())} are replayed: what comes later is made of them",
            reason="usage",
        )
    return next(stage for stage in STAGES if stage.topic == topic)


def _path(topic: str, file: Path | None, state: Path | None) -> Path:
    return file or (state or default_state()) / "replay" / f"{_stage(topic).name}.json"


def _group(stage: Stage, state: Path | None, config: Path | None) -> "Group":
    from overt_ops.replay.offsets import Group

    return Group(stage, door_of(state, config, OPERATOR), door_of(state, config, stage.name))


def _offsets(group: "Group", stage: Stage, text: str) -> Mapping[int, int]:
    """Return the offset of each partition that a number or a time names."""
    if text.isdecimal():
        return dict.fromkeys(stage.partitions, min(int(text), 2**62))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Permanent(
            f"{text[:40]!r} is neither an offset nor a time: say 1200, or 2026-11-25T08:00",
            reason="usage",
        ) from exc
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return group.at(max(0, int(at.timestamp() * 1000)))


def _document(plan: Plan, path: Path) -> dict[str, object]:
    return {
        "file": str(path), "stage": plan.stage, "topic": plan.topic, "step": plan.step,
        "repeats": plan.repeats,
        "partitions": [
            {"partition": r.partition, "from": r.first, "to": r.to, "until": r.until,
             "repeats": r.repeats, "expired": r.expired}
            for r in plan.ranges
        ],
    }  # fmt: skip


def _table(plan: Plan) -> None:
    table = Table(box=None)
    for heading in ("partition", "from", "to", "records", "repeats in all", "expired"):
        table.add_column(heading, justify="right")
    for r in plan.ranges:
        table.add_row(
            str(r.partition), str(r.first), str(r.to), str(r.to - r.first), str(r.repeats),
            str(r.expired or ""),
        )  # fmt: skip
    Console(highlight=False).print(table)
