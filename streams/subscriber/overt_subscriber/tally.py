"""The account of input events of one boot: read once, dropped by label, or lost.

``seq`` counts admitted events from 0 within a boot, and every batch says where it starts. So what
a batch holds and what its gaps say was thinned gives the seq the next batch must start with; any
difference is missing, and goes to the label of the hole in between or, without one, to *lost*. The
same for frames, whose numbers run on within a batch.

Pure. Whatever was handed on is remembered as ranges, so that a seq that comes twice is seen; what
was thinned between counts as handed on, since it will not come.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from overt_subscriber.batches import UNEXPLAINED

Seqs = npt.NDArray[np.int64]


@dataclass(slots=True)
class Ranges:
    """A set of integers, as few ``[start, stop)`` as it takes."""

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def add(self, number: int) -> bool:
        """Add a number; return whether it was new."""
        at = bisect_right(self.starts, number) - 1
        if at >= 0 and number < self.stops[at]:
            return False
        left = at >= 0 and self.stops[at] == number
        right = at + 1 < len(self.starts) and self.starts[at + 1] == number + 1
        if left and right:
            self.stops[at] = self.stops.pop(at + 1)
            self.starts.pop(at + 1)
        elif left:
            self.stops[at] = number + 1
        elif right:
            self.starts[at + 1] = number
        else:
            self.starts.insert(at + 1, number)
            self.stops.insert(at + 1, number + 1)
        return True

    def append(self, first: int, stop: int) -> None:
        """Add a range that lies above everything known."""
        if self.stops and self.stops[-1] == first:
            self.stops[-1] = stop
        else:
            self.starts.append(first)
            self.stops.append(stop)

    @property
    def stop(self) -> int:
        """One more than the highest number; 0 when empty."""
        return self.stops[-1] if self.stops else 0


@dataclass(slots=True)
class Tally:
    """What became of the input events of one boot."""

    read: int = 0
    thinned: int = 0
    frames_missing: int = 0  # that no gap explains
    duplicated: int = 0
    out_of_order: int = 0
    lost: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    _seen: Ranges = field(default_factory=Ranges)
    _next: int | None = None
    _label: str = ""

    @property
    def last_seq(self) -> int:
        """The highest seq handed on, -1 for none."""
        return self._seen.stop - 1

    def passed(self, reason: str) -> None:
        """Learn that batches were passed: what is missing before the next one has this label."""
        # An unexplained hole beside an explained one must not hide behind its label.
        self._label = UNEXPLAINED if UNEXPLAINED in (reason, self._label) else reason

    def reset(self) -> None:
        """Learn that what lies before the next batch is not ours."""
        self._next, self._label = None, ""

    def take(self, first_seq: int, seqs: Seqs, thinned: int) -> npt.NDArray[np.bool_]:
        """Account for the next batch; return which of its events are new."""
        if self._next is not None and first_seq > self._next:
            self._miss(first_seq - self._next)
        stop = max(first_seq + len(seqs) + thinned, int(seqs.max()) + 1 if len(seqs) else 0)
        self._next, self._label = stop, ""
        # What no gap explains *in* a batch is lost, whatever the label of what lies beside it.
        unexplained = stop - first_seq - len(seqs) - thinned
        self.lost += unexplained
        self.thinned += thinned
        fresh = self._fresh(seqs, is_whole=not unexplained)
        new = int(fresh.sum())
        self.read += new
        self.duplicated += len(seqs) - new
        return fresh

    def take_frames(self, before: int, numbers: Iterable[int], thinned: int) -> None:
        """Account for the numbers of a batch's frames; ``before`` is the last one's, or -1."""
        known = {before, *numbers} - {-1}
        if known:
            missing = max(known) - min(known) + 1 - len(known)
            self.frames_missing += max(missing - thinned, 0)

    def _miss(self, count: int) -> None:
        if self._label in ("", UNEXPLAINED):
            self.lost += count
        else:
            self.dropped[self._label] += count

    def _fresh(self, seqs: Seqs, *, is_whole: bool) -> npt.NDArray[np.bool_]:
        if not len(seqs):
            return np.ones(0, np.bool_)
        rising = bool((np.diff(seqs) > 0).all())
        if rising and int(seqs[0]) >= self._seen.stop:
            breaks = np.flatnonzero(np.diff(seqs) > 1) + 1
            for run in (seqs,) if is_whole else np.split(seqs, breaks):
                self._seen.append(int(run[0]), int(run[-1]) + 1)
            return np.ones(len(seqs), np.bool_)
        fresh = np.zeros(len(seqs), np.bool_)
        for at, seq in enumerate(seqs.tolist()):
            top = self._seen.stop
            fresh[at] = self._seen.add(seq)
            self.out_of_order += bool(fresh[at]) and seq < top
        return fresh
