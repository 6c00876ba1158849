"""Large readings straight from the store, by ranges that the authority hands out for a minute.

A ``stored.Store``: listings, small runs, and whatever is not offered, go to the authority as ever.
What a range does not bring (refused, expired, cut short, a store that cannot be reached) is read
from the authority instead, so a store can cost time and never data. In memory is one reading, into
which a few connections write at once.

The store is told nothing of us: no certificate, no cookie, no proxy, no redirect is followed, one
header goes out. Errors here are codes; a URL is in none of them.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, Self

from overt_schemas import api
from overt_schemas.errors import Malformed, Permanent, Refused, Transient
from overt_subscriber import telemetry
from overt_subscriber.ranges import Offer, Range
from overt_subscriber.runs import Page, Run
from overt_subscriber.settings import Ranges as Settings
from overt_subscriber.stored import Store

CHUNK_BYTES = 32 * 1_048_576  # a reading: some seconds, so no URL of it gets old
MOST_RUNS = 1_000  # of one offer
# Of a run that is asked for by itself: a request costs a store some milliseconds. On loopback a
# range of 1 MB is as fast as the authority's streaming, one of 256 KB half as fast.
LEAST_BYTES = 512 * 1024
_REST_S = 300.0  # until a road that was not there is tried again
_TIMEOUT_S = 10.0  # a read that brings nothing
_LONGEST_S = 60.0  # a range altogether: else a store could hold us for ever, byte by byte
_EARLY_S = 5.0  # a URL is not used in its last seconds
_PIECE = 1_048_576
_UNREACHABLE = "unreachable"


class Offering(Store, Protocol):
    """A store that may offer ranges; ``authority.Authority`` is one."""

    def ranges(self, grant: str, runs: Sequence[Run]) -> Offer:
        """Return an offer, or raise: ``Permanent`` where there is none."""
        ...


class Bulk:
    """Reads through an authority, and around it where that is worth it; a context manager."""

    def __init__(
        self, authority: Offering, settings: Settings | None = None, *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._authority, self._now_s = authority, now_s
        self._settings = settings or Settings()
        self._roads = _Roads(self._settings)
        self._pool = ThreadPoolExecutor(self._settings.parallel, thread_name_prefix="range")
        self._not_before_s = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._roads.cut()  # what is under way ends, instead of being waited for
        self._pool.shutdown(cancel_futures=True)
        self._roads.close()

    def segments(self, grant: str, after: str, limit: int) -> Page:
        """Return what the grant covers behind a cursor."""
        return self._authority.segments(grant, after, limit)

    def read(self, grant: str, runs: list[Run]) -> bytes | bytearray:
        """Return the bytes of these runs, in this order; raises as the authority's client does."""
        large = self._large(runs)
        began_s = self._now_s()
        offered = self._offered(grant, [runs[at] for at in large], began_s) if large else None
        if offered is None:
            return self._authority.read(grant, runs)
        body = bytearray(sum(run.bytes for run in runs))
        places = _places(runs, memoryview(body))
        wanted = [(one, [large[at] for at in one.runs]) for one in offered.ranges]
        until_s = began_s + offered.valid_s - _EARLY_S
        came = list(self._pool.map(
            lambda item: self._came(item[0], [places[at] for at in item[1]], until_s), wanted
        ))  # fmt: skip
        if not any(came):
            self._not_before_s = began_s + _REST_S
        telemetry.ranges_read(len(came), came.count(False), len(body))
        there = {
            at for (_, own), is_there in zip(wanted, came, strict=True) if is_there for at in own
        }
        left = [at for at in range(len(runs)) if at not in there]
        if left:
            rest = memoryview(self._authority.read(grant, [runs[at] for at in left]))
            for at in left:
                places[at][:], rest = rest[: runs[at].bytes], rest[runs[at].bytes :]
        return body

    def _large(self, runs: Sequence[Run]) -> list[int]:
        """Return the positions of the runs that are worth a request each; none if few are."""
        if not self._settings.enabled or self._now_s() < self._not_before_s:
            return []
        large = [at for at, run in enumerate(runs) if run.bytes >= LEAST_BYTES][:MOST_RUNS]
        size = sum(runs[at].bytes for at in large)
        return large if size >= self._settings.at_least_bytes else []

    def _offered(self, grant: str, runs: Sequence[Run], now_s: float) -> Offer | None:
        try:
            return self._authority.ranges(grant, runs)
        except (Permanent, Transient) as exc:
            # What refuses the grant or a run says so to READ as well. An authority that knows no
            # ranges refuses the road.
            if not isinstance(exc, Refused) or exc.reason == api.WRONG_IDENTITY:
                self._not_before_s = now_s + _REST_S
            return None

    def _came(self, wanted: Range, into: Sequence[memoryview], until_s: float) -> bool:
        """Write a range to its places; whether it came."""
        if self._now_s() >= until_s:
            telemetry.range_failed("expired")
            return False
        try:
            self._roads.get(wanted, into)
        except Transient as exc:
            telemetry.range_failed(exc.reason)
            return False
        return True


def _places(runs: Sequence[Run], body: memoryview) -> list[memoryview]:
    places, at = [], 0
    for run in runs:
        places.append(body[at : at + run.bytes])
        at += run.bytes
    return places


class _Roads:
    """Connections to stores, one a thread and host; every failure is ``Transient`` with a code."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._tls = ssl.create_default_context(
                cafile=str(settings.ca) if settings.ca is not None else None
            )
        except (OSError, ssl.SSLError) as exc:
            raise Malformed(
                "ranges.ca is missing or not PEM: check the settings file", reason="settings"
            ) from exc
        self._own = threading.local()
        self._all: list[http.client.HTTPConnection] = []
        self._is_cut = False

    def cut(self) -> None:
        """End what is under way; whoever is reading fails, and nothing more is asked for."""
        self._is_cut = True
        for connection in self._all:
            # Only its own thread may close it.
            with contextlib.suppress(OSError):
                if (sock := connection.sock) is not None:
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close all of them; no thread uses one any more."""
        for connection in self._all:
            connection.close()

    def get(self, wanted: Range, into: Sequence[memoryview]) -> None:
        """Write exactly the bytes of a range, one place after the other."""
        connection = self._connection(wanted)
        was_open = connection.sock is not None
        try:
            self._get(connection, wanted, into)
        except Transient as exc:
            # A connection that rested may have been closed at the other end: once is no failure.
            if exc.reason != _UNREACHABLE or not was_open or self._is_cut:
                raise
            self._get(connection, wanted, into)

    def _get(
        self, connection: http.client.HTTPConnection, wanted: Range, into: Sequence[memoryview]
    ) -> None:
        try:
            if connection.sock is None:
                connection.connect()
            self._check_left()  # once there is something that could have been cut
            # The library follows no redirect, knows no proxy and keeps no cookie.
            connection.request(
                "GET", wanted.target, headers={"Range": wanted.header, "User-Agent": "overt"}
            )
            answer = connection.getresponse()
            _check(answer, wanted)
            _fill(answer, into)
        except (http.client.HTTPException, OSError) as exc:
            connection.close()
            # Not chained: an error of the library may name what was asked for.
            kind = "timeout" if isinstance(exc, TimeoutError) else _UNREACHABLE
            raise Transient("the store did not answer", reason=kind) from None
        except Transient:
            connection.close()
            raise

    def _check_left(self) -> None:
        if self._is_cut:
            raise Transient("the reading was left", reason="left")

    def _connection(self, wanted: Range) -> http.client.HTTPConnection:
        known: dict[tuple[bool, str, int | None], http.client.HTTPConnection]
        known = self._own.__dict__.setdefault("known", {})
        name = (wanted.secure, wanted.host, wanted.port)
        if name not in known:
            known[name] = (
                http.client.HTTPSConnection(
                    wanted.host, wanted.port, timeout=_TIMEOUT_S, context=self._tls
                )
                if wanted.secure
                else http.client.HTTPConnection(wanted.host, wanted.port, timeout=_TIMEOUT_S)
            )
            self._all.append(known[name])
        return known[name]


def _check(answer: http.client.HTTPResponse, wanted: Range) -> None:
    if answer.status != http.client.PARTIAL_CONTENT:
        raise Transient("the store refuses a range", reason=f"status_{answer.status}")
    first, last = wanted.first, wanted.first + wanted.size - 1
    told = answer.getheader("content-range") or ""
    if not told.startswith(f"bytes {first}-{last}/") or answer.length != wanted.size:
        raise Transient("the store answers with another range", reason="length")


def _fill(answer: http.client.HTTPResponse, into: Sequence[memoryview]) -> None:
    until_s = time.monotonic() + _LONGEST_S
    for place in into:
        at = 0
        while at < len(place):
            if time.monotonic() > until_s:
                raise Transient("the store is too slow", reason="slow")
            count = answer.readinto(place[at : at + _PIECE])
            if not count:
                raise Transient("the store's answer was cut short", reason="short")
            at += count
    answer.read()  # marks it as read, so that the connection serves again
