"""How long to wait before the next try: doubling, with jitter, bounded."""

import random
from dataclasses import dataclass

_FIRST_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Tries so far. A success is a new ``Backoff()``."""

    limit_s: float = 10.0
    tries: int = 0

    def next(self) -> tuple[float, "Backoff"]:
        """Return the seconds to wait now, and the state after it."""
        ceiling = min(self.limit_s, _FIRST_S * 2 ** min(self.tries, 16))
        # Half of it is jitter, so that workers that fell together do not rise together.
        wait_s = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return wait_s, Backoff(limit_s=self.limit_s, tries=self.tries + 1)
