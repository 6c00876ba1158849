"""``stream-ops``: what an operator types. One file a noun.

A noun module offers ``app`` (a typer application with verbs) or ``command`` (a single function),
and is registered below in one line. Every error that overt raises on purpose becomes one line on
stderr and the exit code of the product's table.
"""

import signal
import sys
import traceback
from pathlib import Path

import typer

from overt_ops.cli import (
    demo,
    dev,
    dlq,
    pipeline,
    reconcile,
    replay,
    simulate,
    sink,
    tier,
    topology,
)
from overt_ops.cli.exits import code_of
from overt_schemas.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, OvertError

app = typer.Typer(
    name="stream-ops",
    help="Operate overt: the demonstration, the embedded stack, topics and access as code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# ---- nouns, in the order in which help lists them
app.command("demo")(demo.command)
app.command("simulate")(simulate.command)
app.add_typer(dev.app, name="dev")
app.add_typer(topology.app, name="topology")
app.command("reconcile")(reconcile.command)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(dlq.app, name="dlq")
app.add_typer(replay.app, name="replay")
app.add_typer(sink.app, name="sink")
app.add_typer(tier.app, name="tier")


def main() -> None:
    """Run the command line; the entry point of ``stream-ops``.

    To be told to end (SIGTERM, or the terminal was closed) is an interruption like ctrl-c: a demo
    ends its endpoint and a start what it started, instead of leaving them behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, signal.default_int_handler)
    try:
        code = int(app(standalone_mode=False) or 0)
        if code == EXIT_INTERRUPTED:  # what typer makes of ctrl-c
            sys.stderr.write("stream-ops: interrupted\n")
        sys.exit(code)
    except typer.TyperException as exc:
        sys.exit(_usage(exc))
    except OvertError as exc:
        sys.stderr.write(f"stream-ops: {' '.join(str(exc).split())}\n")
        sys.exit(code_of(exc))
    except OSError as exc:
        named = f"{exc.strerror}: {exc.filename}" if exc.filename else str(exc)
        sys.stderr.write(f"stream-ops: {named}\n")
        sys.exit(EXIT_FAILURE)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("stream-ops: interrupted\n")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as exc:
        # A traceback, or the message of an error nobody foresaw, could show more than it should.
        where = traceback.extract_tb(exc.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        sys.stderr.write(f"stream-ops: {type(exc).__name__} in {place}: please report it\n")
        sys.exit(EXIT_FAILURE)


def _usage(exc: typer.TyperException) -> int:
    """Say in one line what is wrong with the words; a noun without a verb shows its help."""
    # The message is made by `format_message`, which the public base class does not declare.
    made = getattr(exc, "format_message", None)
    message = str(made() if made is not None else exc)
    if type(exc).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{message}\n")
    else:
        sys.stderr.write(f"stream-ops: {' '.join(message.split())} Try --help.\n")
    return EXIT_USAGE
