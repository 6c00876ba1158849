"""`overtd`: the endpoint's command. What it prints is for the person in front of it.

Imports of each command are inside it, so that `overtd status` and `overtd pause` are quick.
"""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_NOT_AUTHORISED,
    EXIT_OK,
    OvertError,
    Refused,
)

if TYPE_CHECKING:
    from overt_producer.desk import Desk
    from overt_producer.home import Home

DEFAULT_HOME = Path.home() / ".local" / "share" / "overtd"
# Exit 1, not 4: the person said no, which is nobody's lack of rights.
_SAID_NO = frozenset({"refused", "no_answer", "wayland", "no_display", "unreachable",
                      "extension", "system", "not_running"})  # fmt: skip

app = typer.Typer(
    name="overtd", no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Captures input and screen with the person's consent and in plain sight.\n\n"
    "First `overtd enrol` with a one-time token, then `overtd run`. Nothing is captured before the "
    "person in front agreed to the prompt, and never without the badge on the screen. "
    "`overtd pause` stops at once; `overtd opt-out` stops for good, withdraws consent and lets "
    "go of everything not sent yet. Neither needs the network or anybody's leave.\n\n"
    "Exit codes: 0 ok, 1 failure or a refusal by the person, 2 usage, 4 not allowed here, "
    "130 interrupted.",
)  # fmt: skip
HomeOption = Annotated[
    Path, typer.Option("--home", envvar="OVERTD_HOME", help="Directory of this endpoint.")
]


class Source(StrEnum):
    """Where input comes from."""

    x11 = "x11"
    scripted = "scripted"


class Output(StrEnum):
    """How a status is printed."""

    text = "text"
    json = "json"


@app.command()
def enrol(
    authority: Annotated[str, typer.Option(help="URL of the authority, https://...")],
    ca: Annotated[Path, typer.Option(help="PEM of the CA that signed the authority's server.")],
    home: HomeOption = DEFAULT_HOME,
    token: Annotated[str, typer.Option(help="One-time token; better in --token-file.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="File with the token, - for stdin.")] = (
        None
    ),
) -> None:
    """Make this machine an endpoint: keys are made here, a one-time token buys the certificate."""
    from overt_producer.control.enrol import enrol as act
    from overt_producer.home import Home

    if token_file is not None:
        text = sys.stdin.read() if str(token_file) == "-" else token_file.read_text("utf-8")
        token = text.strip()
    if not token:
        raise typer.BadParameter("give --token-file or --token")
    enrolled = act(Home(home), authority, ca, token)
    typer.echo(f"enrolled in group {enrolled.group}; next: overtd run --home {home}")


@app.command()
def capture(
    home: HomeOption = DEFAULT_HOME,
    source: Annotated[
        Source, typer.Option(help="scripted plays a simulated person and needs such a group.")
    ] = Source.x11,
    seconds: Annotated[
        float | None, typer.Option(help="End after so many seconds of capturing.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the scripted person.")] = 1,
) -> None:
    """Capture into the spool, in plain sight. Opens no network connection.

    Asks for consent on the screen if it has none for the policy in force. SIGTERM ends it cleanly
    within 5 s; the account is then in last_run.json in the home directory.
    """
    from overt_producer import capture as process
    from overt_producer.stopping import Stop

    stop = Stop().install()
    process.run(_home(home), _desk(source, seconds, seed), stop, seconds)
    raise typer.Exit(stop.exit_code)


@app.command()
def ship(home: HomeOption = DEFAULT_HOME) -> None:
    """Publish the spool and listen to the fleet. Has no display and no key that opens anything."""
    from overt_producer.ship import Ship
    from overt_producer.stopping import Stop

    stop, own = Stop().install(), _home(home)
    ready = own.file("ship.ready")
    ready.unlink(missing_ok=True)
    try:
        Ship(own).run(stop.event, lambda: ready.touch(mode=0o600))
    finally:
        ready.unlink(missing_ok=True)
    raise typer.Exit(stop.exit_code)


@app.command()
def run(
    home: HomeOption = DEFAULT_HOME,
    source: Annotated[Source, typer.Option(help="As for capture.")] = Source.x11,
    seed: Annotated[int, typer.Option(help="Of the scripted person.")] = 1,
) -> None:
    """Run capture and ship together and start again what dies."""
    from overt_producer.run import run as supervise
    from overt_producer.stopping import Stop

    _home(home).enrolled()
    arguments = ["--source", source.value, "--seed", str(seed)]
    raise typer.Exit(supervise(arguments, str(home), Stop().install()))


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="text or json.")]


@app.command()
def status(home: HomeOption = DEFAULT_HOME, output: OutputOption = Output.text) -> None:
    """Say whether anything is captured, under which beacon and consent, and what is on its way."""
    _show(_answer(home, "status"), output)


@app.command()
def pause(home: HomeOption = DEFAULT_HOME, output: OutputOption = Output.text) -> None:
    """Stop capturing at once, until `overtd resume`. Works offline and outlives a restart."""
    _show(_answer(home, "pause"), output)


@app.command()
def resume(home: HomeOption = DEFAULT_HOME, output: OutputOption = Output.text) -> None:
    """End a pause of your own; a pause of the fleet stays."""
    _show(_answer(home, "resume"), output)


@app.command("opt-out")
def opt_out(home: HomeOption = DEFAULT_HOME, output: OutputOption = Output.text) -> None:
    """Stop for good: withdraw consent and let go of all content that was not sent yet.

    Holds from this moment, offline too, over restarts, new policies and whatever a server says.
    Only you can end it, by `overtd consent --ask` and agreeing.
    """
    _show(_answer(home, "opt-out"), output)


@app.command()
def consent(
    home: HomeOption = DEFAULT_HOME,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take your consent back.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Show the prompt again.")] = False,
    output: OutputOption = Output.text,
) -> None:
    """Show what you agreed to; take it back, or be asked again.

    No flag gives consent: that takes your own click or key at the prompt.
    """
    if withdraw and ask:
        raise typer.BadParameter("--withdraw and --ask exclude each other")
    if withdraw:
        _show(_answer(home, "withdraw"), output)
    elif ask:
        _show(_answer(home, "ask"), output)
    else:
        _show(_answer(home, "status"), output)


def _home(path: Path) -> "Home":
    from overt_producer import telemetry
    from overt_producer.home import Home

    telemetry.configure()
    return Home(path)


def _desk(source: Source, seconds: float | None, seed: int) -> Callable[[], "Desk"]:
    def scripted() -> "Desk":
        from overt_producer import readings
        from overt_producer.desk import ScriptedDesk
        from overt_producer.sources.script import written

        duration_ms = round((seconds or 3600.0) * 1000)
        return ScriptedDesk(written(seed=seed, duration_ms=duration_ms), readings.mono_ms)

    def x11() -> "Desk":
        from overt_producer.x11_desk import X11Desk

        return X11Desk()

    return scripted if source is Source.scripted else x11


def _answer(path: Path, command: str) -> dict[str, Any]:
    """Ask the running capture; where none runs, act on the files."""
    from overt_producer.control.local import ask
    from overt_producer.home import Home

    home = Home(path)
    home.enrolled()
    try:
        return ask(home, command)
    except OvertError as exc:
        if exc.reason != "not_running":
            raise
    from overt_producer.offline import ACTS

    return ACTS[command](home)


def _show(state: dict[str, Any], output: Output) -> None:
    if output is Output.json:
        typer.echo(json.dumps(state))
        return
    for name in ("capturing", "why_not", "consent", "paused", "beacon", "captured", "admitted",
                 "dropped", "spooled", "published", "pending"):  # fmt: skip
        if name in state:
            typer.echo(f"{name:<10} {_plain(state[name])}")


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "-"


def exit_code(error: OvertError) -> int:
    """Return the exit code for an error of the product."""
    if isinstance(error, Refused) and error.reason not in _SAID_NO:
        return EXIT_NOT_AUTHORISED
    return EXIT_FAILURE


def main() -> None:
    """Run the command; an error is one line on stderr."""
    sys.exit(guarded(app))


def guarded(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code."""
    try:
        command()
    except OvertError as exc:
        sys.stderr.write(f"{exc}\n")
        return exit_code(exc)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as exc:
        sys.stderr.write(f"{exc.strerror or 'input or output failed'}: {exc.filename or ''}\n")
        return EXIT_FAILURE
    return EXIT_OK
