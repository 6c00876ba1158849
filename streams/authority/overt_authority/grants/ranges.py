"""Presigned ranges for bulk reading: handed out by the rule of READ, where the store was proved.

A URL is good for 60 s, or until its grant ends by itself if that is sooner; what was handed out
cannot be taken back, so a grant that is *ended* by an operator reads on for at most 60 s, and only
bytes that it had asked for and that are in the log. A tier is offered once ``proof`` found that its
store refuses everything else; that is asked again every hour, and a proof that could not be
repeated runs out after two.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from overt_authority import telemetry
from overt_authority.grants import proof
from overt_authority.grants.index import Index, Run
from overt_authority.grants.objects import Objects
from overt_authority.grants.presign import Presigned, Presigner
from overt_authority.grants.reading import Reading
from overt_authority.grants.spans import spans
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent, Transient

TIERS = ("hot", "warm", "cold")
_AGAIN_MS = 3_600_000
_GOOD_MS = 2 * _AGAIN_MS
_SOON_MS = 20_000  # a tier without an object, or whose store did not answer


class NotOffered(Permanent):
    """No presigned ranges here: READ is the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A run and the GET of its bytes; without one, they follow in the answer to the one before."""

    run: str
    presigned: Presigned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """Ranges in the order asked, and for how many seconds they are good."""

    ranges: tuple[Ranged, ...]
    valid_s: int


class Ranges:
    """Hands out ranges; ``prove`` is called now and then from a thread of its own."""

    def __init__(
        self, reading: Reading, index: Index, objects: Objects, signer: Presigner | None,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._reading, self._index, self._objects = reading, index, objects
        self._signer, self._clock = signer, clock
        self._lock = threading.Lock()
        self._proved_ms: dict[str, int] = {}
        self._due_ms: dict[str, int] = {}

    def hand_out(self, subscriber: str, grant: str, names: Sequence[str]) -> HandedOut:
        """Return a range for each run, once the reading is logged.

        Raises:
            NotOffered: the store is none that was proved, or not for one of these runs.
            Refused: as READ.
            Transient: the log or the index does not answer.
        """
        signer = self._signer
        if signer is None or not self.offered():
            raise NotOffered("there are no presigned ranges here: use READ", reason="not_offered")
        opened = self._reading.open(subscriber, grant, names, fits=self._must_be_offered)
        now_ms = self._now_ms()
        valid_s = min(proof.VALID_S, (opened.until_ms - now_ms) // 1000)
        if valid_s < 1:
            raise NotOffered("a URL would outlive the grant: use READ", reason="not_offered")
        ranges: list[Ranged] = []
        count = 0
        for span in spans(opened.runs):
            first, *rest = span.runs
            presigned = signer.get(span.tier, span.object, span.first, span.size, valid_s, now_ms)
            ranges.append(Ranged(run=first, presigned=presigned))
            ranges += (Ranged(run=run, presigned=None) for run in rest)
            count += 1
        telemetry.ranges_handed_out(count, sum(run.byte_len for run in opened.runs))
        return HandedOut(ranges=tuple(ranges), valid_s=valid_s)

    def offered(self) -> frozenset[str]:
        """Return the tiers whose store was proved not too long ago."""
        oldest_ms = self._now_ms() - _GOOD_MS
        with self._lock:
            return frozenset(tier for tier, at in self._proved_ms.items() if at > oldest_ms)

    def prove(self) -> None:
        """Try what is due to be tried; blocks for some requests to the store a tier."""
        if self._signer is None:
            return
        for tier in TIERS:
            now_ms = self._now_ms()
            if self._due_ms.get(tier, now_ms) > now_ms:
                continue
            try:
                tried = self._prove(self._signer, tier, now_ms)
            except Transient as exc:
                telemetry.ranges_unproved(tier, exc.reason)
                tried = False
            self._due_ms[tier] = now_ms + (_AGAIN_MS if tried else _SOON_MS)

    def _prove(self, signer: Presigner, tier: str, now_ms: int) -> bool:
        """Return whether there was an object to try it on."""
        names = self._index.samples(tier, proof.LEAST_BYTES)
        if not names:
            return False
        expected = self._objects.beginning(tier, names[0], proof.FIRST, proof.SIZE)
        failed = proof.failed_item(signer, tier, names, expected, now_ms)
        with self._lock:
            if failed is None:
                self._proved_ms[tier] = now_ms
            else:
                self._proved_ms.pop(tier, None)
        if failed is None:
            telemetry.ranges_proved(tier)
        else:
            telemetry.ranges_unproved(tier, failed)
        return True

    def _must_be_offered(self, runs: Sequence[Run]) -> None:
        if not {run.tier for run in runs} <= self.offered():
            raise NotOffered("a run lies where there are no ranges: use READ", reason="not_offered")

    def _now_ms(self) -> int:
        return self._clock.wall_us() // 1000
