"""`overt-processors`: refine one stream, or decide where a group starts."""

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
from overt_processors.hardening import seal_process
from overt_processors.preflight import Group, check
from overt_processors.settings import Settings, load
from overt_processors.supervisor import Instance, Supervisor, worker_command
from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_NOT_AUTHORISED,
    EXIT_PARTIAL,
    EXIT_USAGE,
    OvertError,
)
from overt_schemas.ids import Stream
from overt_schemas.signing import SigningKey
from overt_schemas.topics import RAW

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
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


class Start(StrEnum):
    """Where a group may start."""

    EARLIEST = "earliest"
    LATEST = "latest"


StreamOption = Annotated[StreamName, typer.Option("--stream", help="Which stream to work on.")]
ConfigOption = Annotated[Path, typer.Option("--config", help="TOML settings, mode 0600.")]


@app.command()
def refine(stream: StreamOption, config: ConfigOption) -> None:
    """Open raw batches, check them, seal them again as parts; runs until SIGTERM."""
    seal_process()
    telemetry.configure(f"refine-{stream.value}")
    settings = load(config)
    group = _group(settings, stream)
    decide = f"overt-processors start-at --stream {stream.value} earliest --config "
    decide += shlex.quote(str(config))

    @cache
    def signer() -> SigningKey:
        return _signer(settings)

    def preflight() -> None:
        check(group, signer, time.time_ns() // 1_000_000, decide)

    instance = Instance(settings.state_dir)
    command = worker_command(stream.value, config, instance.name)
    ready = settings.ready
    raise typer.Exit(Supervisor(command=command, preflight=preflight, ready=ready).run())


@app.command()
def start_at(start: Start, stream: StreamOption, config: ConfigOption) -> None:
    """Commit where the group starts, for partitions without an offset; others are left alone."""
    group = _group(load(config), stream)
    spec = OffsetSpec.earliest() if start is Start.EARLIEST else OffsetSpec.latest()
    committed, wanted = group.committed(), group.offsets(spec)
    missing = {p: offset for p, offset in wanted.items() if committed.get(p) is None}
    if missing:
        group.commit(missing)
    typer.echo(f"{len(missing)} of {len(wanted)} partitions start at {start.value}")


def _group(settings: Settings, stream: StreamName) -> Group:
    name = f"refine-{stream.value}"
    raw = RAW[Stream[stream.name]]
    return Group(settings.kafka.connection(f"{name}-preflight"), name, raw)


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
