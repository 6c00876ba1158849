"""One slow feed slows nobody: what each grant has on its way, and who is cut off. Pure.

A *lane* is open, cut or trying. An open one takes records up to ``room_bytes``; while it is full
the partition waits for it, but never past the moment at which its oldest record has been on its way
for ``patience_s``: then, or when the brokers refuse a record, the lane is cut. A cut lane takes
nothing for a while that doubles with each failure; then one record tries, and until that one is
acknowledged nobody waits for the lane. What a cut lane does not take is let go and counted: its
reader has it from the store.

The source is told of a record once each of its lanes has either delivered it or been cut.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
_FORGIVEN_S = 60.0  # a lane that was well for so long starts anew; one that flaps pauses longer


class Answer(Enum):
    """What becomes of a record on a lane."""

    TAKE = "take"
    WAIT = "wait"  # ask again when something was delivered, or at the lane's deadline
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How much a lane may have on its way, and for how long."""

    # Four of the largest records; a reader's brokers take that in well under a second.
    room_bytes: int = 4 * 1_048_576
    # What a partition may wait for a lane; the promise is 5 s, and a lane fails one at a time.
    patience_s: float = 2.0


@dataclass(slots=True)
class _Sent:
    size: int
    at_s: float
    waits: bool  # whether the source still waits for it


@dataclass(slots=True)
class _Lane:
    sent: "OrderedDict[int, _Sent]" = field(default_factory=OrderedDict)
    size: int = 0
    failures: int = 0
    cut_until_s: float | None = None  # None: open
    opened_s: float = 0.0
    trying: int | None = None


@dataclass(slots=True, kw_only=True)
class Lanes:
    """All lanes by grant. Tokens name what was sent and rise."""

    rules: Rules = field(default_factory=Rules)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _token: int = 0

    def ask(self, grant: str, size: int, now_s: float) -> Answer:
        """Return what becomes of a record of this size."""
        lane = self._lanes.get(grant)
        if lane is None:
            return Answer.TAKE
        if lane.cut_until_s is not None:
            # What was on its way when it was cut still takes memory: first it has to be gone.
            is_over = now_s >= lane.cut_until_s and lane.trying is None and not lane.sent
            return Answer.TAKE if is_over else Answer.DROP
        if not lane.sent or lane.size + size <= self.rules.room_bytes:
            return Answer.TAKE
        return Answer.WAIT

    def send(self, grant: str, size: int, now_s: float) -> int:
        """Note that a record is on its way; returns its token."""
        lane = self._lanes.setdefault(grant, _Lane())
        self._token += 1
        lane.sent[self._token] = _Sent(size=size, at_s=now_s, waits=True)
        lane.size += size
        if lane.cut_until_s is not None:
            lane.trying = self._token
        return self._token

    def delivered(self, grant: str, token: int, now_s: float) -> bool:
        """Note that a record stands in its feed; returns whether the source still waits for it."""
        lane, sent = self._take(grant, token)
        if lane is None or sent is None:
            return False
        if lane.trying == token:
            lane.trying, lane.cut_until_s, lane.opened_s = None, None, now_s
        elif lane.cut_until_s is None and now_s - lane.opened_s >= _FORGIVEN_S:
            lane.failures = 0
        return sent.waits

    def refused(self, grant: str, token: int, now_s: float) -> list[int]:
        """Note that the brokers did not take a record; returns the tokens let go with it."""
        lane, sent = self._take(grant, token)
        if lane is None or sent is None:
            return []
        gone = [token] if sent.waits else []
        if lane.cut_until_s is None or lane.trying == token:
            gone += self._cut(lane, now_s)
        return gone

    def passed(self, grant: str, token: int) -> bool:
        """Note that a record is let go by itself; returns whether the source still waits for it.

        It says nothing of the lane: a cut one is still to be tried.
        """
        lane, sent = self._take(grant, token)
        if lane is None or sent is None:
            return False
        if lane.trying == token:
            lane.trying = None
        return sent.waits

    def overdue(self, now_s: float) -> dict[str, list[int]]:
        """Cut the lanes whose oldest record has been on its way for too long.

        Returns the tokens that the source need not wait for any more, by grant.
        """
        late = {}
        for grant, lane in self._lanes.items():
            oldest = next((sent for sent in lane.sent.values() if sent.waits), None)
            if oldest is not None and now_s - oldest.at_s >= self.rules.patience_s:
                late[grant] = self._cut(lane, now_s)
        return late

    def is_open(self, grant: str) -> bool:
        """Whether a lane takes records as they come."""
        lane = self._lanes.get(grant)
        return lane is None or lane.cut_until_s is None

    def keep(self, grants: set[str]) -> None:
        """Forget the lanes of grants that are over, once nothing of theirs is on its way."""
        gone = [g for g, lane in self._lanes.items() if g not in grants and not lane.sent]
        for grant in gone:
            del self._lanes[grant]

    def _take(self, grant: str, token: int) -> tuple[_Lane | None, _Sent | None]:
        lane = self._lanes.get(grant)
        sent = lane.sent.pop(token, None) if lane is not None else None
        if lane is not None and sent is not None:
            lane.size -= sent.size
        return lane, sent

    def _cut(self, lane: _Lane, now_s: float) -> list[int]:
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(lane.failures, 8))
        lane.failures += 1
        lane.cut_until_s, lane.trying = now_s + pause_s, None
        gone = [token for token, sent in lane.sent.items() if sent.waits]
        for token in gone:
            lane.sent[token].waits = False
        return gone
