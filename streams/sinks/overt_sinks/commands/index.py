"""`overt-sink index`."""

import json

import typer

from overt_sinks import settings, telemetry
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Look after the index's tables.")
    group.command()(upgrade)
    group.callback()(lambda: None)  # one command alone would not be named
    app.add_typer(group, name="index")


def upgrade(config: Config, output: Output = "text") -> None:
    """Bring the tables to this version; nothing is done to an index that is there already.

    On PostgreSQL it needs the tables' owner; run roles.sql again afterwards.
    """
    with told():
        from overt_sinks.index.engine import Engine
        from overt_sinks.index.upgrading import upgrade as bring

        engine = Engine(settings.load(config).index.url)
        try:
            was, now = bring(engine)
        finally:
            engine.close()
        if was != now:
            telemetry.index_upgraded(was, now)
    if output == "json":
        typer.echo(json.dumps({"from": was, "to": now}))
    elif was == now:
        typer.echo(f"index: at {now} already")
    else:
        typer.echo(f"index: {was or 'none'} -> {now}")
