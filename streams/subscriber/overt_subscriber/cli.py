"""`overt-sub`: read what a grant covers, from the command line.

Content goes to stdout and nowhere else; an error is one line on stderr. Exit codes: 0 read and
sound, 1 failure, 2 usage or settings, 3 finding (a red session, a clone, a forged record), 4 not
authorised, 5 partial (something refused, or not complete in time), 6 the events asked for did not
come in time, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from overt_schemas import errors
from overt_schemas.clock import Clock, SystemClock
from overt_schemas.ids import Stream
from overt_subscriber import hardening, telemetry
from overt_subscriber.authority import Authority
from overt_subscriber.bulk import CHUNK_BYTES, Bulk
from overt_subscriber.render import Output, Printer
from overt_subscriber.report import Report
from overt_subscriber.settings import load
from overt_subscriber.stored import Stored
from overt_subscriber.subscription import BOTH, Subscription
from overt_subscriber.tailing import Tail

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False,
    help="Read what a grant covers.",
)  # fmt: skip


class Streams(Enum):
    """Which streams a grant covers."""

    BOTH = "both"
    INPUT = "input"
    FRAME = "frame"


class TailOutput(Enum):
    """What stdout is for, while it grows."""

    AUTO = "auto"
    TABLE = "table"
    JSONL = "jsonl"


_STREAMS = {Streams.BOTH: BOTH, Streams.INPUT: (Stream.INPUT,), Streams.FRAME: (Stream.FRAME,)}


_TAIL = """\
Follow a grant live: first what is stored, then each event as it arrives.

The feed brings an event within a second or two of the key press. The store is followed behind it \
and fills whatever the feed left out: nothing is missing, nothing comes twice. The latency column \
says how long after the event it was shown.

The end of the grant ends it (exit 4, with the authority's code); a broker that is away does not. \
Ctrl-C ends it, too (summary, then exit 130).

Watch: overt-sub tail --config alice.toml --grant g-1 --purpose research --new

Ten events as JSON, or exit 6 after a minute: add --events 10 --timeout 60 -o jsonl

The settings file needs a table kafka beside authority, with bootstrap, ca, username and \
password_file.
"""


@app.callback()
def _root() -> None:
    """Read what a grant covers."""


@app.command()
def read(
    config: Annotated[Path, typer.Option(help="settings file (TOML)")],
    grant: Annotated[str, typer.Option(help="id of the grant")],
    purpose: Annotated[str, typer.Option(help="what it is read for, as the grant says")],
    events: Annotated[int | None, typer.Option(min=0, help="print so many events [all]")] = None,
    streams: Annotated[Streams, typer.Option(help="what the grant covers")] = Streams.BOTH,
    wait_complete: Annotated[
        bool, typer.Option("--wait-complete", help="go on until sessions are complete or cut")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0, help="seconds to wait at most")] = 60.0,
    text: Annotated[bool, typer.Option("--text", help="show what was typed, by session")] = False,
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
    verbose: Annotated[bool, typer.Option("--verbose", help="events on stderr")] = False,
) -> None:
    """Print events as they are read, then a summary of everything the grant covers."""
    telemetry.configure(verbose=verbose)
    printer = Printer(output, sys.stdout, limit=events, text=text)
    settings = load(config)
    clock = SystemClock()
    with Authority(settings.authority) as authority, Bulk(authority, settings.ranges) as store:
        done = _until(clock, timeout) if wait_complete else None
        subscription = Subscription(
            Stored(store, grant, follow=wait_complete, chunk_bytes=CHUNK_BYTES), authority,
            grant=grant, purpose=purpose, streams=_STREAMS[streams], until=done,
        )  # fmt: skip
        for item in subscription:
            printer.item(item)
    printer.summary(subscription.report)
    raise typer.Exit(exit_code(subscription.report, waited=wait_complete))


@app.command(help=_TAIL)
def tail(
    config: Annotated[Path, typer.Option(help="settings file (TOML)")],
    grant: Annotated[str, typer.Option(help="id of the grant")],
    purpose: Annotated[str, typer.Option(help="what it is read for, as the grant says")],
    events: Annotated[int | None, typer.Option(min=1, help="end after so many events")] = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="end after seconds")] = None,
    new: Annotated[bool, typer.Option("--new", help="show only what happens from now on")] = False,
    streams: Annotated[Streams, typer.Option(help="what the grant covers")] = Streams.BOTH,
    output: Annotated[
        TailOutput, typer.Option("-o", "--output", help="auto: a table on a terminal, else jsonl")
    ] = TailOutput.AUTO,
    verbose: Annotated[bool, typer.Option("--verbose", help="events on stderr")] = False,
) -> None:
    """Follow a grant live; its help is ``_TAIL``."""
    from overt_subscriber.feed import KafkaFeed
    from overt_subscriber.live import Live

    telemetry.configure(verbose=verbose)
    settings, clock = load(config), SystemClock()
    if settings.kafka is None:
        raise errors.Malformed(
            f"{config}: kafka: missing: a live feed is read from the brokers", reason="settings"
        )
    printer = Tail(
        sys.stdout, clock.wall_us, limit=events, since_us=clock.wall_us() if new else None,
        table=sys.stdout.isatty() if output is TailOutput.AUTO else output is TailOutput.TABLE,
    )  # fmt: skip
    deadline = None if timeout is None else clock.boot_ns() + round(timeout * 1e9)

    def is_over(_report: Report) -> bool:
        return printer.is_full or (deadline is not None and clock.boot_ns() >= deadline)

    with Authority(settings.authority) as authority, Bulk(authority, settings.ranges) as store:
        feed = KafkaFeed(settings.kafka.connection(), grant)
        live = Live(store, grant, feed, clock=clock, chunk_bytes=CHUNK_BYTES)
        subscription = Subscription(
            live, authority, grant=grant, purpose=purpose, streams=_STREAMS[streams], until=is_over
        )
        items = iter(subscription)
        try:
            for item in items:
                printer.item(item)
                if printer.is_full:
                    items.close()  # type: ignore[attr-defined]
                    break
        except KeyboardInterrupt:  # how most tails end: what was read is told all the same
            printer.summary(subscription.report)
            raise
    printer.summary(subscription.report)
    if events is not None and not printer.is_full:
        raise typer.Exit(errors.EXIT_TIMED_OUT)
    raise typer.Exit(exit_code(subscription.report, waited=False))


def exit_code(report: Report, *, waited: bool) -> int:
    """Return the exit code of a read that came to its end."""
    if report.refused and not report.segments:
        return errors.EXIT_NOT_AUTHORISED
    if not report.is_sound and (report.is_settled or not waited):
        return errors.EXIT_FINDING
    if report.refused or (waited and not report.is_settled):
        return errors.EXIT_PARTIAL
    return errors.EXIT_OK


def _until(clock: Clock, timeout_s: float) -> Callable[[Report], bool]:
    deadline = clock.boot_ns() + round(timeout_s * 1e9)
    return lambda report: report.is_settled or clock.boot_ns() >= deadline


def main() -> None:
    """Run the command; every error that overt raises on purpose becomes one line."""
    hardening.seal_process()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    try:
        return int(app(list(arguments), standalone_mode=False, prog_name="overt-sub") or 0)
    except errors.OvertError as exc:
        return _fail(str(exc), _code(exc))
    except typer.TyperException as exc:
        return _fail(f"{_usage(exc)} Try --help.", errors.EXIT_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", errors.EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Who read our output has gone; without this the interpreter complains when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_FAILURE
    except Exception as exc:
        # A traceback, or the message of an error nobody foresaw, could show what was captured.
        where = traceback.extract_tb(exc.__traceback__)[-1]
        kind = type(exc).__name__
        return _fail(
            f"{kind} in {Path(where.filename).name}:{where.lineno}: please report it",
            errors.EXIT_FAILURE,
        )


def _usage(exc: typer.TyperException) -> str:
    # The message is made by `format_message`, which the public base class does not declare.
    made = getattr(exc, "format_message", None)
    return str(made() if made is not None else exc) or "nothing to do."


def _code(exc: errors.OvertError) -> int:
    if isinstance(exc, errors.Refused):
        return errors.EXIT_NOT_AUTHORISED
    return errors.EXIT_USAGE if exc.reason in ("settings", "grant") else errors.EXIT_FAILURE


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"overt-sub: {line}\n")
    return code
