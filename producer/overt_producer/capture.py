"""The capture process: it has the display and the keys, and never opens an inet socket.

Wiring and the loop only. SIGTERM and SIGINT take the hooks away, wait for the hold-back, write the
final batches, a checkpoint and a presence record, and exit 0 within 5 s.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from overt_producer import readings
from overt_producer.capture_lock import Lock
from overt_producer.checkpoints import Checkpoints
from overt_producer.control.local import LocalServer
from overt_producer.desk import Desk
from overt_producer.endpoint import Endpoint
from overt_producer.hardening import harden
from overt_producer.home import Home
from overt_producer.stopping import Stop
from overt_schemas.errors import Refused

TICK_S = 0.1
# With --seconds somebody waits for the end: without a lease by then there will be none.
NO_LEASE_S = 60.0


def run(
    home: Home, open_desk: Callable[[], Desk], stop: Stop, seconds: float | None = None
) -> None:
    """Capture until a signal, or for so many seconds from the first moment of capturing.

    Raises:
        Permanent: capture ended and why, in one line.
    """
    harden()
    home.enrolled()
    with Lock(home):
        desk = open_desk()
        endpoint = Endpoint(home, desk, readings.now)
        local = LocalServer(home)
        ready = home.file("ready")
        ready.unlink(missing_ok=True)
        try:
            with Checkpoints([home.spool]) as checkpoints:
                endpoint.open()
                local.open(_commands(endpoint))
                ready.touch(mode=0o600)
                _loop(endpoint, local, checkpoints, stop, seconds)
        finally:
            ready.unlink(missing_ok=True)
            local.close()
            _end(endpoint, home)


def _loop(
    endpoint: Endpoint, local: LocalServer, checkpoints: Checkpoints, stop: Stop,
    seconds: float | None,
) -> None:  # fmt: skip
    begun_ms, first_ms = readings.mono_ms(), 0
    while not stop.event.wait(TICK_S):
        local.serve()
        checkpoints.check()
        endpoint.tick()
        if seconds is None:
            continue
        if first_ms:
            if readings.mono_ms() - first_ms >= seconds * 1000:
                return
        elif endpoint.is_capturing:
            first_ms = readings.mono_ms()
        elif readings.mono_ms() - begun_ms > NO_LEASE_S * 1000:
            raise Refused(
                f"nothing may be captured here ({endpoint.why_not}): see `overtd status`",
                reason="lease",
            )


def _end(endpoint: Endpoint, home: Home) -> None:
    go_on = endpoint.stop()
    pause = threading.Event()
    try:
        while not go_on():
            pause.wait(TICK_S / 2)
    finally:
        status = endpoint.status()
        endpoint.close()
        home.write("last_run.json", json.dumps(status) + "\n")


def _commands(endpoint: Endpoint) -> dict[str, Callable[[], Any]]:
    def done(act: Callable[[], None]) -> Callable[[], Any]:
        def answer() -> dict[str, object]:
            act()
            endpoint.tick()
            return endpoint.status()

        return answer

    return {
        "status": endpoint.status, "pause": done(endpoint.pause), "resume": done(endpoint.resume),
        "opt-out": done(endpoint.opt_out), "withdraw": done(endpoint.withdraw),
        "ask": done(endpoint.ask_again),
    }  # fmt: skip
