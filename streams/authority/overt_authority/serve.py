"""The process: one server loop; threads that say beacons, keep house, tell the log, read Kafka.

Order of a start: files, SQL, log, keys, what a crash left in the outbox, the first beacon, the
door, then ``<state_dir>/ready``. Order of a stop (SIGTERM, at most 5 s): the file is removed, the
door closes, the threads end, connections close. kill -9 loses nothing: see outbox, log and beacon.
A thread that meets what nobody foresaw stops the process with a failure: a door that answers while
no beacon goes out would only look alive.
"""

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from cryptography import x509

from overt_authority import telemetry
from overt_authority.assembly import assemble, kafka
from overt_authority.consume import Inbox, inbox
from overt_authority.publish import Publisher
from overt_authority.services import Services
from overt_authority.settings import Settings
from overt_authority.web import peer
from overt_authority.web.app import app
from overt_schemas.clock import SystemClock
from overt_schemas.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, OvertError, Transient

_START_S = 60.0  # how long a start waits for brokers and key server before it gives up
_RETRY_S = 0.5
_PROOF_S = 5.0  # how soon after its first object a tier is looked at
_STOP_S = 2
_MAX_CONNECTIONS = 512


def run(settings: Settings, publisher: Publisher | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. ``publisher``: a twin, for tests."""
    clock, stop, got, broken = SystemClock(), threading.Event(), [0], threading.Event()
    ready = settings.state_dir / "ready"
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    ready.unlink(missing_ok=True)

    def note(number: int, _frame: object) -> None:
        got[0] = number
        stop.set()

    def opened(door: uvicorn.Server) -> None:
        if stop.is_set():  # told before uvicorn listened to signals
            door.should_exit = True
        else:
            _say_ready(ready)

    # uvicorn takes both signals while it runs and raises them again when it is done.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    with assemble(settings, clock, publisher) as services:
        _start(services, stop)
        if not stop.is_set():
            reader = None
            if publisher is None:
                reader = inbox(kafka(settings), services.database, services.receipts, stop)
            with _threads(services, settings, reader, stop, broken):
                door = server(services, settings, lambda: opened(door))
                try:
                    door.run()
                finally:
                    ready.unlink(missing_ok=True)
    telemetry.stopped()
    if broken.is_set():
        return EXIT_FAILURE
    return EXIT_INTERRUPTED if got[0] == signal.SIGINT else EXIT_OK


def server(services: Services, settings: Settings, on_ready: Callable[[], None]) -> uvicorn.Server:
    """Return the door; ``on_ready`` is called when it answers."""
    listen, device_ca = settings.listen, settings.device_ca.cert
    issuer = x509.load_pem_x509_certificate(device_ca.read_bytes())

    def tls(_config: object, _default: object) -> ssl.SSLContext:
        return peer.context(listen.cert, listen.key, listen.client_ca, device_ca)

    config = uvicorn.Config(
        app(services), host=listen.host, port=listen.port, http=peer.protocol(issuer), ws="none",
        lifespan="off", log_config=None, access_log=False, server_header=False, loop="asyncio",
        ssl_context_factory=tls, timeout_graceful_shutdown=_STOP_S,
        limit_concurrency=_MAX_CONNECTIONS, timeout_keep_alive=30, proxy_headers=False,
    )  # fmt: skip

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                telemetry.started(listen.port)
                on_ready()

    return _Server(config)


def keep_house(services: Services, interval_s: float, stop: threading.Event) -> None:
    """Do every interval what has become due, until stopped."""
    while not stop.wait(interval_s):
        for stage, work in (
            ("keys", services.epoch_keys.rotate),
            ("people", services.week_keys.renew),
            ("policies", services.policies.publish),
            ("outbox", services.outbox.flush),
            ("log", services.teller.tell),
        ):
            _try(stage, work)


def say_beacons(services: Services, interval_s: float, stop: threading.Event) -> None:
    """Publish a beacon every interval; it waits for no other work, which may take minutes."""
    while not stop.wait(interval_s):
        try:
            services.beacons.publish()
        except OvertError as exc:
            telemetry.beacon_withheld(exc.reason)


def prove_ranges(services: Services, stop: threading.Event) -> None:
    """Try what a store must refuse before ranges are offered, and again when that is due."""
    while not stop.is_set():
        _try("ranges", services.ranges.prove)
        stop.wait(_PROOF_S)


def tell_log(services: Services, stop: threading.Event) -> None:
    """Keep overt.audit.v1 close behind the log."""
    told = -1
    while not stop.wait(0.25):
        if services.log.head().size != told:
            told = services.log.head().size
            if not _try("log", services.teller.tell):
                told = -1


def _try(stage: str, work: Callable[[], object]) -> bool:
    try:
        work()
    except OvertError as exc:
        telemetry.work_deferred(stage, exc.reason)
        return False
    return True


def _start(services: Services, stop: threading.Event) -> None:
    deadline = time.monotonic() + _START_S
    while not stop.is_set():
        try:
            services.start()
        except Transient as exc:
            if time.monotonic() > deadline:
                raise
            telemetry.work_deferred("start", exc.reason)
            stop.wait(_RETRY_S)
        else:
            return


@contextmanager
def _threads(
    services: Services,
    settings: Settings,
    reader: Inbox | None,
    stop: threading.Event,
    broken: threading.Event,
) -> Iterator[None]:
    works: list[tuple[str, Callable[[], None]]] = [
        ("beacon", lambda: say_beacons(services, settings.beacon.interval_s, stop)),
        ("house", lambda: keep_house(services, settings.beacon.interval_s, stop)),
        ("log", lambda: tell_log(services, stop)),
        ("ranges", lambda: prove_ranges(services, stop)),
    ]
    if reader is not None:
        works.append(("inbox", reader.run))
    # Daemons: a thread that hangs in a foreign library must not hold up the exit.
    threads = [
        threading.Thread(target=_guarded, args=(name, work, broken), name=name, daemon=True)
        for name, work in works
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        deadline = time.monotonic() + 1.5
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _guarded(name: str, work: Callable[[], None], broken: threading.Event) -> None:
    try:
        work()
    except Exception as exc:
        telemetry.thread_broke(name, type(exc).__name__, telemetry.where(exc))
        broken.set()
        os.kill(os.getpid(), signal.SIGTERM)


def _say_ready(path: Path) -> None:
    path.touch(mode=0o600)
