"""The indicator of one desk: put up, looked at, and how long a look counts.

A look proves what was on the screen at its moment. What happened after the last look that saw the
indicator counts only if the next one sees it too, and comes soon: a process that stood still proves
nothing.
"""

from overt_producer.desk import Desk
from overt_producer.pipeline import Now


class Watching:
    """Looks for the pipeline."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._is_up = False
        self._seen: Now | None = None
        self._doubted: Now | None = None

    def sees(self, now: Now, *, is_listening: bool) -> bool:
        """Return whether the indicator can be seen; puts it up before anything is listened to.

        Raises:
            Permanent: it was taken away.
        """
        if not is_listening:
            self._desk.indicator.show()
            self._is_up = True
        before = self._seen
        # Until the look says otherwise; an exception leaves it so.
        self._seen, self._doubted = None, before
        if not self._desk.indicator.check(now.mono_us // 1000):
            return False
        self._seen = now
        if before is None or self._lasts(before, now):
            self._doubted = None
        return True

    def unproved_us(self, now: Now) -> int | None:
        """Return the Unix time since when nothing counts, None where nothing is in doubt."""
        doubted, self._doubted = self._doubted, None
        if doubted is None and self._seen is not None and not self._lasts(self._seen, now):
            doubted, self._seen = self._seen, None
        return None if doubted is None else doubted.wall_us

    def rest(self) -> None:
        """Say that nothing is recorded; the hooks do so themselves when they are taken away."""
        if self._is_up:
            self._desk.indicator.hide()
            self._is_up = False

    def _lasts(self, seen: Now, now: Now) -> bool:
        return now.mono_us - seen.mono_us <= self._desk.indicator.lasts_ms * 1000
