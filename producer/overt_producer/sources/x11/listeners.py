"""pynput's X RECORD listeners, made to hand over what the server stamped.

pynput 1.8.2 gives neither event time nor keycode, and looks characters up in a map it read at
its start. ``_handle_message`` sees the whole X event, so it is overridden; it is private, hence
the exact pin and a test. Nothing else happens in the hook: one tuple is appended. What pynput
does there can raise (its issue 199), and an exception ends a listener for good.

Importing this module needs a display: pynput opens one at import.
"""

import threading
from collections import deque
from typing import Any

from pynput.keyboard._xorg import Listener as KeyboardListener
from pynput.mouse._xorg import Listener as MouseListener

from overt_producer.sources.x11.assemble import Heard, is_accepted
from overt_producer.sources.x11.connection import disconnect

# More than 100 s of a mouse at 1000 Hz: nobody drains any more.
QUEUE_LIMIT = 200_000


class _Hook:
    """What both listeners share: the queue, the counts and an end that is not silent."""

    def __init__(self, queue: deque[Heard], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heard = queue
        self.accepted = 0
        self.overflowed = 0
        self.settled = threading.Event()

    def _mark_ready(self) -> None:
        super()._mark_ready()  # type: ignore[misc]
        self.settled.set()

    def run(self) -> None:
        """Run until the context is disabled, the server is gone, or something raised.

        A lost server makes pynput raise out of its own clean-up. ``is_alive`` tells the rest, so
        the error ends here and not in the thread's traceback.
        """
        try:
            super().run()  # type: ignore[misc]
        except Exception:  # noqa: S110, BLE001, RUF100
            pass
        finally:
            for name in ("_display_stop", "_display_record"):
                if hasattr(self, name):
                    disconnect(getattr(self, name))
            self.settled.set()

    def await_end(self, timeout_s: float) -> None:
        """Wait for the thread; pynput's own join raises what the thread raised."""
        threading.Thread.join(self, timeout_s)  # type: ignore[arg-type]

    @property
    def context(self) -> int | None:
        """X id of the RECORD context, once it was created."""
        return getattr(self, "_context", None)

    def _handle_message(self, _display: Any, event: Any, injected: Any) -> None:
        if not is_accepted(event.type, event.detail):
            return
        self.accepted += 1
        if len(self.heard) >= QUEUE_LIMIT:
            self.overflowed += 1
            return
        self.heard.append(
            Heard(
                event.type,
                event.detail,
                event.time,
                event.root_x,
                event.root_y,
                event.state,
                bool(injected),
            )
        )


class PointerHook(_Hook, MouseListener):
    """Moves, buttons and scroll steps."""


class KeyboardHook(_Hook, KeyboardListener):
    """Keys."""
