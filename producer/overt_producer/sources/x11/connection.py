"""Connections to the X server, and its failures in our words.

python-xlib is pure Python and its connections are not shared between threads here. A lost server
is Transient: the session may come back, and the supervisor starts capture anew.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from Xlib import X, display, error

from overt_producer.sources.platform import is_served
from overt_producer.sources.x11.servertime import ServerClock
from overt_schemas.errors import Permanent, Transient


def connect() -> Any:
    """Return a new connection to ``$DISPLAY``, silent about errors that nobody waits for."""
    unreachable = Permanent(
        "no X display can be reached: start overtd inside the desktop session",
        reason="no_display",
    )
    if not is_served(os.environ.get("DISPLAY", "")):
        raise unreachable
    try:
        connection = display.Display()
    except (error.DisplayError, error.XauthError, error.ConnectionClosedError, OSError) as exc:
        raise unreachable from exc
    # Windows die at any moment between two requests; python-xlib would print each BadWindow.
    connection.set_error_handler(lambda *_: None)
    return connection


def disconnect(connection: Any) -> None:
    """Close a connection, also one whose server is gone: python-xlib would leak its socket."""
    with suppress(Exception):
        connection.close()
    connection.display.socket.close()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the failures of python-xlib into Transient; ``what`` names the act, not its data."""
    try:
        yield
    except (error.ConnectionClosedError, OSError) as exc:
        raise Transient(f"the X server went away: {what}", reason="display_lost") from exc
    except error.XError as exc:
        raise Transient(f"the X server refused: {what}", reason="display_error") from exc


def monotonic_ms() -> int:
    """Return ``CLOCK_MONOTONIC`` in whole milliseconds, rounded down as the server does."""
    return time.monotonic_ns() // 1_000_000


def measure_clock(connection: Any) -> ServerClock:
    """Return the server's clock, by a property change on a window of our own."""
    root = connection.screen().root
    window = root.create_window(-1, -1, 1, 1, 0, 0, X.InputOnly, X.CopyFromParent)
    window.change_attributes(event_mask=X.PropertyChangeMask)
    atom = connection.intern_atom("OVERT_TIME")
    window.change_property(atom, atom, 8, b"")
    connection.sync()
    stamp = None
    while connection.pending_events():
        event = connection.next_event()
        if event.type == X.PropertyNotify and event.window.id == window.id:
            stamp = event.time
    now_ms = monotonic_ms()
    window.destroy()
    connection.flush()
    if stamp is None:
        raise Transient("the X server did not tell its time", reason="display_error")
    return ServerClock.measured(stamp, now_ms)
