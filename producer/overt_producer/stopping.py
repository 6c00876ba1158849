"""How a process is told to end: SIGTERM for a clean stop, SIGINT for the same from a keyboard."""

import signal
import threading

from overt_schemas.errors import EXIT_INTERRUPTED, EXIT_OK


class Stop:
    """Set by a signal; the handler does nothing else."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.exit_code = EXIT_OK

    def install(self) -> "Stop":
        """Take both signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)
        return self

    def _set(self, number: int, _: object) -> None:
        if number == signal.SIGINT:
            self.exit_code = EXIT_INTERRUPTED
        self.event.set()
