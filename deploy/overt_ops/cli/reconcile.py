"""``stream-ops reconcile``: each grant in force has its feed, and nobody else has one."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overt_ops.devstack import Stack, default_state
from overt_schemas.errors import EXIT_FINDING, EXIT_PARTIAL, Permanent

if TYPE_CHECKING:
    from overt_ops.reconcile.registry import Registry
    from overt_ops.reconcile.run import Done

_PATIENCE_S = 30.0


def command(
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings, mode 0600; default the stack's.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="State directory of the stack.")
    ] = None,
    topology: Annotated[
        Path | None, typer.Option("--topology", help="Folder of the YAML files.")
    ] = None,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="One look and its changes, then end.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what would change; exit 3 if anything would.")
    ] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="text or json")] = "text",
) -> None:
    """Make and take away feeds (topics and rights) with their grants; runs until SIGTERM.

    A grant has a feed while it is active, approved by two, and within its times. What it had is
    taken away within a second when it is ended or expires: rights first, then the topic.
    """
    from overt_ops.reconcile import run, settings, telemetry
    from overt_ops.reconcile.hands import Hands
    from overt_ops.reconcile.plan import Rules
    from overt_ops.reconcile.registry import Registry
    from overt_ops.topology import files

    if output not in ("text", "json"):
        raise typer.BadParameter("text or json", param_hint="-o")
    if once and plan:
        raise Permanent("--plan changes nothing and --once does: say one of them", reason="usage")
    own = settings.load(config or Stack.find(state or default_state()).settings("reconcile"))
    rules = Rules(declared=files.load(topology), own=own.door.username)
    if not once and not plan:
        try:
            run.serve(own, rules)
        except KeyboardInterrupt:
            telemetry.ended()
        return
    with Registry(own.door.connection, own.root) as registry:
        registry.read_all(_PATIENCE_S)
        now_ms = run.SystemClock().wall_ms()
        done = run.look(registry, Hands(own.door.connection), rules, now_ms, act=once)
    _print(done, registry, output)
    if done.failed:
        raise typer.Exit(EXIT_PARTIAL)
    if plan and done.plan.changes:
        raise typer.Exit(EXIT_FINDING)


def _print(done: "Done", registry: "Registry", output: str) -> None:
    if output == "json":
        document = {
            "grants": len(registry.known.grants),
            "unverified": {"waiting": len(registry.known.waiting), **registry.refused},
            "changes": [str(change) for change in done.plan.changes],
            "notes": list(done.plan.notes),
            "failed": {topic: {"change": c, "error": e} for topic, (c, e) in done.failed.items()},
        }
        typer.echo(json.dumps(document))
        return
    for change in done.plan.changes:
        typer.echo(str(change))
    for note in done.plan.notes:
        typer.echo(f"note: {note}")
    for topic, (change_kind, error) in done.failed.items():
        typer.echo(f"failed: {change_kind} of {topic}: {error}; the next look tries again")
    unverified = registry.refused + Counter(waiting=len(registry.known.waiting))
    if unverified:
        listed = ", ".join(f"{number} {reason}" for reason, number in unverified.items())
        typer.echo(f"note: records that nobody vouches for were ignored ({listed})")
    if not done.plan.changes:
        typer.echo("nothing to change")
