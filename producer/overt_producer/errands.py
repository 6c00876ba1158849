"""What ship asks of the authority beside the stream, in a thread of its own.

It learns which consents are registered, so that their content may go, and renews the certificate
when a third of its life is left; ship then reconnects. An authority that is away costs nothing but
time: content waits in the spool.
"""

import threading
from datetime import UTC, datetime

from cryptography import x509

from overt_producer import telemetry
from overt_producer.control.authority import AuthorityClient
from overt_producer.control.board import Board
from overt_producer.control.enrol import request_of
from overt_producer.home import Home
from overt_schemas.errors import OvertError, Permanent

POLL_S = 1.0
RETRY_S = 5.0


class Errands:
    """The thread. ``want`` and ``certificates`` are how ship and it speak.

    Attributes:
        certificates: how often the certificate was renewed.
        is_away: the last round failed.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._wanted: set[str] = set()
        self.certificates = 0
        self.is_away = False
        name = f"errands-{home.path.name}"
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; a call under way is waited for at most a second."""
        self._stop.set()
        self._thread.join(1.0)

    def check(self) -> None:
        """Raise Permanent when the thread has ended: without it no certificate is renewed."""
        if not self._thread.is_alive():
            raise Permanent("the thread that asks the authority has ended", reason="errands")

    def want(self, consent: str) -> None:
        """Ask about a consent until it is registered."""
        with self._lock:
            self._wanted.add(consent)

    def _loop(self) -> None:
        board = Board(self._home.control)
        try:
            while not self._stop.wait(RETRY_S if self.is_away else POLL_S):
                try:
                    self._round(board)
                    self.is_away = False
                except OvertError as exc:
                    if not self.is_away:
                        telemetry.authority_unreachable(exc.reason)
                    self.is_away = True
        finally:
            board.close()

    def _round(self, board: Board) -> None:
        with self._lock:
            wanted = sorted(self._wanted)
        is_due = is_renewal_due(self._home, datetime.now(UTC))
        if not wanted and not is_due:
            return
        client = AuthorityClient.of(self._home)
        try:
            if is_due:
                self._home.write("transport.pem", client.certificate(request_of(self._home)))
                self.certificates += 1
                telemetry.certificate_renewed()
            for consent in wanted:
                if client.is_registered(consent):
                    board.register(consent)
                    with self._lock:
                        self._wanted.discard(consent)
        finally:
            client.close()


def is_renewal_due(home: Home, now: datetime) -> bool:
    """Return whether less than a third of the certificate's life is left."""
    try:
        certificate = x509.load_pem_x509_certificate(home.file("transport.pem").read_bytes())
    except (OSError, ValueError) as exc:
        raise Permanent("transport.pem is broken: enrol again", reason="identity") from exc
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now > end - (end - begin) / 3
