"""`overt-sink run`."""

import typer

from overt_sinks import telemetry
from overt_sinks.commands.ending import told
from overt_sinks.commands.options import Config
from overt_sinks.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(config: Config) -> None:
    """Sink parts into objects until stopped by SIGTERM."""
    telemetry.configure()
    with told(telemetry.sink_failed):
        from overt_sinks import app as wiring

        wiring.run(load(config))
