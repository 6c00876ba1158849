"""`overt-processors`: run one of the apps, or decide where its group starts."""

import json
import shlex
import sys
import time
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka.admin import OffsetSpec

from overt_processors import telemetry
from overt_processors.apps import TABLE, App
from overt_processors.hardening import seal_process
from overt_processors.preflight import Group, check
from overt_processors.settings import Settings, load
from overt_processors.supervisor import Instance, Supervisor, worker_command
from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_FINDING,
    EXIT_NOT_AUTHORISED,
    EXIT_PARTIAL,
    EXIT_USAGE,
    OvertError,
    Permanent,
)
from overt_schemas.signing import SigningKey

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
sessions = typer.Typer(no_args_is_help=True, help="Session records as a whole.")
app.add_typer(sessions, name="sessions")
_CODES = {
    "settings": EXIT_USAGE,
    "root_key": EXIT_USAGE,
    "no_offset": EXIT_PARTIAL,
    "not_authorised": EXIT_NOT_AUTHORISED,
}


class StreamName(StrEnum):
    """The two streams."""

    INPUT = "input"
    FRAME = "frame"


AppName = StrEnum("AppName", {name.upper().replace("-", "_"): name for name in TABLE})  # type: ignore[misc]


class Output(StrEnum):
    """How a result is told."""

    TEXT = "text"
    JSON = "json"


class Start(StrEnum):
    """Where a group may start."""

    EARLIEST = "earliest"
    LATEST = "latest"


StreamOption = Annotated[StreamName, typer.Option("--stream", help="Which stream to work on.")]
ConfigOption = Annotated[Path, typer.Option("--config", help="TOML settings, mode 0600.")]


@app.command()
def refine(stream: StreamOption, config: ConfigOption) -> None:
    """Open raw batches, check them, seal them again as parts; runs until SIGTERM."""
    _run(TABLE[f"refine-{stream.value}"], config)


@app.command()
def feed(config: ConfigOption) -> None:
    """Fill the topic of each grant with the parts of its cohort; runs until SIGTERM."""
    _run(TABLE["feed"], config)


@app.command()
def session(config: ConfigOption) -> None:
    """Turn part headers into session records; runs until SIGTERM."""
    _run(TABLE["session"], config)


@app.command()
def start_at(
    start: Start,
    config: ConfigOption,
    stream: Annotated[StreamName | None, typer.Option("--stream", help="Of refine.")] = None,
    app_name: Annotated[AppName | None, typer.Option("--app", help="Whose group.")] = None,
) -> None:
    """Commit where the group starts, for partitions without an offset; others are left alone."""
    if (stream is None) == (app_name is None):
        raise Permanent("say whose group: --app NAME, or --stream S of refine", reason="settings")
    row = TABLE[f"refine-{stream.value}" if stream else str(app_name)]
    group = _group(load(config), row)
    spec = OffsetSpec.earliest() if start is Start.EARLIEST else OffsetSpec.latest()
    committed, wanted = group.committed(), group.offsets(spec)
    missing = {p: offset for p, offset in wanted.items() if committed.get(p) is None}
    if missing:
        group.commit(missing)
    typer.echo(f"{len(missing)} of {len(wanted)} partitions start at {start.value}")


@sessions.command()
def rebuild(
    config: ConfigOption,
    check_only: Annotated[bool, typer.Option("--check", help="Report, write nothing.")] = False,
    output: Annotated[Output, typer.Option("-o", "--output", help="text or json.")] = Output.TEXT,
) -> None:
    """Make session records anew from all parts; write those that differ."""
    telemetry.configure("sessions-rebuild")
    settings = load(config)
    result = _rebuild(settings, check_only=check_only)
    if output is Output.JSON:
        typer.echo(json.dumps(result))
    else:
        typer.echo(", ".join(f"{number} {name}" for name, number in result.items()))
    if check_only and result["differing"]:
        raise typer.Exit(EXIT_FINDING)


def _rebuild(settings: Settings, *, check_only: bool) -> dict[str, int]:
    """Compare, write what differs unless ``check_only``; returns the figures."""
    from overt_processors.agents.session import rules_of
    from overt_processors.rebuild import Rebuild, compare
    from overt_processors.registries import RegistryReader

    row, now_ms = TABLE["session"], time.time_ns() // 1_000_000
    group, rules = _group(settings, row), rules_of(settings.session)
    if not check_only and group.has_members():
        raise Permanent(
            "the session app runs: stop it first, or look with --check", reason="group_in_use"
        )
    connection = settings.kafka.connection("sessions-rebuild")
    root = settings.authority.root()
    with RegistryReader(connection, root, "sessions-rebuild", row.registries) as reader:
        reader.wait_ready()
        keyring = reader.current.keyring
    work = Rebuild(connection, keyring, rules, lambda line: sys.stderr.write(f"{line}\n"))
    committed = group.committed()
    made, recorded = work.make(now_ms), work.recorded()
    found = {
        p: compare(made[p], recorded[p], committed.get(p), rules, now_ms) for p in sorted(made)
    }
    if not check_only:
        work.write({p: f.differing for p, f in found.items()})
    behind = sum(f.behind for f in found.values())
    differing = sum(len(f.differing) for f in found.values())
    return {
        "parts": work.parts,
        "refused": work.refused,
        "same": sum(f.same for f in found.values()),
        "differing": differing - behind,
        "behind": behind,
        "beyond": sum(f.beyond for f in found.values()),
        "written": 0 if check_only else differing,
    }


def _run(row: App, config: Path) -> None:
    """Supervise a worker of that app; ends with its exit code."""
    seal_process()
    telemetry.configure(row.name)
    settings = load(config)
    if row.needs_keys:
        settings.authority.require()
    decide = f"overt-processors start-at --app {row.name} earliest --config "
    decide += shlex.quote(str(config))

    @cache
    def signer() -> SigningKey:
        return _signer(settings)

    def preflight() -> None:
        # A client of its own each time: after a broker's restart one from before knows only the old
        # leader's epoch, and its questions are refused for ever.
        group, signs = _group(settings, row), signer if row.notices else None
        check(group, signs, time.time_ns() // 1_000_000, decide)

    instance = Instance(settings.state_dir)
    command = worker_command(row.name, config, instance.name)
    ready = settings.ready
    raise typer.Exit(Supervisor(command=command, preflight=preflight, ready=ready).run())


def _group(settings: Settings, row: App) -> Group:
    return Group(settings.kafka.connection(f"{row.name}-preflight"), row.name, row.topic)


def _signer(settings: Settings) -> SigningKey:
    """Return the processors' signing key; asked for only when a notice must be written."""
    # Imported here, as a supervisor lives as long as its worker and seldom needs them.
    from overt_processors.keys import obtain
    from overt_processors.registries import RegistryReader

    connection = settings.kafka.connection("refine-notice")
    with RegistryReader(connection, settings.authority.root(), "refine-notice") as reader:
        reader.wait_ready()
        keys = obtain(
            settings.authority,
            lambda: reader.current.keyring,
            lambda: time.time_ns() // 1_000_000,
            time.sleep,
        )
    return keys.signer


def main() -> None:
    """Run the command; every error is one line on stderr."""
    try:
        app()
    except OvertError as exc:
        sys.stderr.write(f"overt-processors: {exc}\n")
        sys.exit(_CODES.get(exc.reason, EXIT_FAILURE))


if __name__ == "__main__":
    main()
