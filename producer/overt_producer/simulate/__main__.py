"""`python -m overt_producer.simulate capture|ship|enrol`: prints one JSON object at its end."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from overt_producer import telemetry
from overt_producer.cli import guarded
from overt_producer.stopping import Stop
from overt_schemas.errors import Malformed

app = typer.Typer(
    name="simulate", no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Many simulated endpoints: the real pipeline, seal, spool and protocol.",
)  # fmt: skip
Homes = Annotated[Path, typer.Option("--homes", help="Folder that holds one home a device.")]


@app.command()
def capture(
    homes: Homes,
    devices: Annotated[int, typer.Option(help="How many of the homes take part.")],
    seconds: Annotated[float, typer.Option(help="How long each device captures.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same persons.")] = 1,
    stagger: Annotated[float, typer.Option(help="Seconds between two starts.")] = 0.0,
    trace: Annotated[
        Path | None, typer.Option(help="A recording that every second device replays.")
    ] = None,
) -> None:
    """Capture on N simulated endpoints into their spools."""
    from overt_producer.simulate.capture import Plan, run

    telemetry.configure()
    plan = Plan(homes=homes, devices=devices, seconds=seconds, seed=seed, stagger=stagger,
                trace=trace)  # fmt: skip
    _finish(run(plan, stop := Stop().install()), stop)


@app.command()
def ship(
    homes: Homes,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End once every spool is empty.")
    ] = False,
) -> None:
    """Publish the spools of all simulated endpoints."""
    from overt_producer.simulate.ship import run

    telemetry.configure()
    _finish(run(homes, stop := Stop().install(), until_empty=until_empty), stop)


@app.command()
def enrol(
    homes: Homes,
    authority: Annotated[str, typer.Option(help="URL of the authority.")],
    ca: Annotated[Path, typer.Option(help="PEM of the CA that signed the authority's server.")],
    tokens: Annotated[Path, typer.Option(help="File of tokens: JSON list, or one a line.")],
) -> None:
    """Enrol one device a token."""
    from overt_producer.control.enrol import enrol as act
    from overt_producer.home import Home

    telemetry.configure()
    given = read_tokens(tokens.read_text("utf-8"))
    for index, token in enumerate(given):
        act(Home(homes / f"dev-{index:03d}"), authority, ca, token)
    typer.echo(json.dumps({"devices": len(given)}))


def read_tokens(text: str) -> list[str]:
    """Return the tokens in a JSON list, in ``{"tokens": [...]}``, or one a line."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.split()
    if isinstance(value, dict):
        value = value.get("tokens")
    if not isinstance(value, list):
        raise Malformed("the tokens file holds no list of tokens", reason="tokens")
    return [str(token) for token in value]


def _finish(summary: dict[str, object], stop: Stop) -> None:
    typer.echo(json.dumps(summary))
    raise typer.Exit(stop.exit_code)


if __name__ == "__main__":
    sys.exit(guarded(app))
