"""`overt-sink sweep`."""

import dataclasses
import json
from typing import Annotated

import typer

from overt_sinks import settings
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config, Output, Progress
from overt_sinks.commands.progress import progress

_HOUR_MS = 3_600_000
AgeH = Annotated[float, typer.Option("--age-h", min=0, help="Younger uploads stay: they may end.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sweep)


def sweep(
    config: Config, age_h: AgeH = 24.0, output: Output = "text", progress_: Progress = False
) -> None:
    """Abort half-done multipart uploads in every tier; needs the eraser's identity."""
    with told():
        from overt_schemas.clock import SystemClock
        from overt_sinks.stores.store import open_store
        from overt_sinks.stores.sweeping import sweep as swept_tiers

        store = settings.load(config).store
        keys, site = settings.store_keys(store), settings.site(store)
        buckets = {"hot": store.hot, "warm": store.warm, "cold": store.cold}
        swept = swept_tiers(
            {
                tier: open_store(store.url, name, keys, site)
                for tier, name in buckets.items()
                if name
            },
            SystemClock().wall_us() // 1000,
            round(age_h * _HOUR_MS),
            progress("sweep", "uploads", wanted=progress_),
        )
    if output == "json":
        typer.echo(json.dumps({tier: dataclasses.asdict(found) for tier, found in swept.items()}))
        return
    for tier, found in swept.items():
        typer.echo(f"{tier}: {found.aborted} uploads aborted, {found.younger} younger ones left")
