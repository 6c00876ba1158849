"""`overt-sink publish`."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from overt_schemas.clock import SystemClock
from overt_schemas.errors import Refused
from overt_sinks import settings, telemetry
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress

if TYPE_CHECKING:
    from overt_sinks.publish.publishing import Outcome

Catalog = Annotated[
    str, typer.Option("--catalog", help="SQL URL; by default a file in the state folder.")
]
Warehouse = Annotated[
    str,
    typer.Option(
        "--warehouse", help="file:///folder or s3://bucket/prefix; by default in the state folder."
    ),
]
Keep = Annotated[
    float,
    typer.Option("--keep-s", min=0, help="How long what was replaced stays, if nothing is erased."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(publish)


def publish(
    config: Config,
    catalog: Catalog = "",
    warehouse: Warehouse = "",
    keep_s: Keep = 600.0,
    output: Output = "text",
    progress_: Progress = False,
) -> None:
    """Bring the Iceberg table overt.segments to what the index says, and clean up behind it."""
    with told():
        outcome = _publish(settings.load(config), catalog, warehouse, keep_s, progress_)
        telemetry.table_published(outcome.days, outcome.rows, outcome.dropped_days, outcome.removed)
    if output == "json":
        typer.echo(json.dumps(dataclasses.asdict(outcome)))
        return
    typer.echo(
        f"published: {outcome.days} days with {outcome.rows} rows written, "
        f"{outcome.dropped_days} days dropped, {outcome.removed} files removed"
    )
    if outcome.left_out:
        typer.echo(f"left out: {outcome.left_out} runs whose day is none of the calendar")


def _publish(
    config: settings.Settings, catalog: str, warehouse: str, keep_s: float, progress_: bool
) -> "Outcome":
    try:
        from overt_sinks.publish.publishing import Limits
        from overt_sinks.publish.publishing import publish as bring
    except ImportError as exc:
        raise Refused(
            "publishing needs pyiceberg: install overt-sinks[iceberg]", reason="settings"
        ) from exc
    from overt_sinks.index.engine import Engine
    from overt_sinks.publish.place import Place, Remote

    folder, store = config.state_dir.absolute() / "publish", config.store
    keys = settings.store_keys(store)
    place = Place(
        catalog or f"sqlite:///{folder}/catalog.db",
        warehouse or f"file://{folder}/warehouse",
        Remote(url=store.url, keys=keys, site=settings.site(store)) if keys else None,
    )
    engine, limits = Engine(config.index.url), Limits(keep_s=keep_s)
    tell = progress("publish", "days", wanted=progress_)
    try:
        return bring(
            engine, place, folder / "lock", limits, lambda: SystemClock().wall_us() / 1e6, tell
        )
    finally:
        engine.close()
