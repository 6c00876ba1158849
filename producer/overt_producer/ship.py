"""The ship process: it has the network and never a display, and holds no key that opens or signs.

Reads beacons, policies and key sets onto the board, publishes the spool, and runs errands at the
authority. Killed at any moment it loses nothing: rows leave the spool only once the broker has
acknowledged them and every earlier one; what was sent twice is known by its number.
"""

import os
import threading
from collections.abc import Callable

from overt_producer import telemetry
from overt_producer.control.board import Board
from overt_producer.control.fleet import Fleet
from overt_producer.errands import Errands
from overt_producer.home import Home
from overt_producer.publish.publisher import Publisher
from overt_producer.spool.reader import Outgoing
from overt_schemas import client
from overt_schemas.client import Config
from overt_schemas.errors import Transient

POLL_S = 0.05
FINISH_S = 3.0


class Ship:
    """One endpoint's shipper; ``run`` is its loop, in a process or a thread of its own."""

    def __init__(self, home: Home) -> None:
        self.home = home
        enrolled = home.enrolled()
        name = f"overtd-{enrolled.device[:8]}"
        self._client_id = f"{name}-{os.getpid()}"
        self._bootstrap = enrolled.bootstrap
        self._board = Board(home.control)
        self._outgoing = Outgoing(home.spool)
        self._errands = Errands(home)
        self._fleet = Fleet(
            self._board, enrolled.root_public, enrolled.group, name, self._connection
        )
        self._publisher = Publisher(
            self._outgoing, enrolled.device_id, self._connection, self._may_publish
        )
        self._registered: set[str] = set()
        self._certificates = 0

    def run(self, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Ship until told to stop; then wait for answers for at most three seconds."""
        self._errands.open()
        telemetry.ship_opened(pending=0)
        ready()
        try:
            while not stop.is_set():
                try:
                    self._round()
                except Transient:
                    stop.wait(POLL_S)
        finally:
            self._publisher.finish(FINISH_S)
            telemetry.ship_stopped(self._publisher.published, self._publisher.waiting)
            self._fleet.close()
            self._errands.close()
            self._outgoing.close()
            self._board.close()

    @property
    def published(self) -> int:
        """Rows that the broker acknowledged in this run."""
        return self._publisher.published

    def _round(self) -> None:
        self._errands.check()
        if self._errands.certificates != self._certificates:
            self._certificates = self._errands.certificates
            self._publisher.reconnect("certificate")
            self._fleet.close()
        self._publisher.pump(POLL_S)
        self._fleet.poll(0.0)

    def _may_publish(self, consent: str) -> bool:
        # The person's word holds from the moment it is on disk; capture makes tombstones after it.
        if self.home.opted_out.exists():
            return False
        if consent in self._registered:
            return True
        if self._board.is_registered(consent):
            self._registered.add(consent)
            return True
        self._errands.want(consent)
        return False

    def _connection(self) -> Config:
        file = self.home.file
        return client.mtls(
            self._bootstrap, str(file("broker-ca.pem")), str(file("transport.pem")),
            str(file("transport.key")), self._client_id,
        )  # fmt: skip
