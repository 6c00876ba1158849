"""How a command ends: one line on stderr for an error, and the code of the product's table.

Which error means which code stands here and nowhere else. What an ``OvertError`` says is fit to be
read by anybody; of any other exception only its kind and place are told.
"""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_FINDING,
    EXIT_INTERRUPTED,
    EXIT_NOT_AUTHORISED,
    EXIT_PARTIAL,
    EXIT_USAGE,
    OvertError,
)
from overt_sinks import telemetry

_CODES = {
    EXIT_INTERRUPTED: ("interrupted",),
    EXIT_USAGE: ("settings", "usage"),
    EXIT_NOT_AUTHORISED: (
        "store_refused", "kafka_refused", "index_refused", "create", "read", "list", "held",
    ),
    # Nobody knows, or nobody can prove any more, where the chain should go on; or the rest was done
    # and this must be thawed first.
    EXIT_PARTIAL: ("no_offset", "stale_offset", "expired", "unreadable", "archived"),
    # The store or an object is not what it must be.
    EXIT_FINDING: (
        "create_only", "create_only_second", "list_after_put", "wrong_checksum", "anonymous",
        "side_door", "lost_answer", "object_hash", "object_name", "container", "index_differs",
        "copy_differs", "source_differs",
    ),
}  # fmt: skip
# What errors that are met deep below cannot say themselves.
_NEXT = {
    "store": "look whether it runs at store.url, and start this again",
    "store_refused": "see the rights in docs/stores.md",
    "index": "look whether it runs at index.url and is of this version, and start this again",
    "kafka": "look whether it runs at kafka.bootstrap, and start this again",
    "catalog": "look whether it runs at --catalog, and start this again",
    "warehouse": "look whether it runs at --warehouse, and start this again",
    "publish": "start this again in a while",
}
_CODE_OF = {reason: code for code, reasons in _CODES.items() for reason in reasons}


def exit_code(exc: OvertError) -> int:
    """Return the exit code that an error ends a command with."""
    return _CODE_OF.get(exc.reason, EXIT_FAILURE)


def _line(exc: OvertError) -> str:
    said = str(exc)
    return f"{said}: {_NEXT[exc.reason]}" if ":" not in said and exc.reason in _NEXT else said


@contextmanager
def told(failed: Callable[[str], None] = lambda _reason: None) -> Iterator[None]:
    """End the command as the error that leaves the block says; ``failed`` hears its reason."""
    try:
        yield
    except OvertError as exc:
        failed(exc.reason)
        leave(_line(exc), exit_code(exc))
    except KeyboardInterrupt:
        leave("interrupted: start it again, it goes on where it was", EXIT_INTERRUPTED)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as exc:
        place = traceback.extract_tb(exc.__traceback__)[-1]
        telemetry.sink_broke(type(exc).__name__, Path(place.filename).name, place.lineno or 0)
        leave("broke, see the line above; report it, and start it again", EXIT_FAILURE)


def leave(line: str, code: int) -> NoReturn:
    """End the command with one line on stderr."""
    sys.stderr.write(f"overt-sink: {line}\n")
    raise typer.Exit(code) from None
