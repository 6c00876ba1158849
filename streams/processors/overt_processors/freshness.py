"""How old what the registries say may be: unknown means forbidden, and so does unheard.

Whoever acts on a *present* state (a grant in force, a person who is not erased) must not act on it
once the registries cannot be read any more. Asked now and then in advance, so that nobody waits
while they answer.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

MOST_S = 10.0  # as long as a beacon may be late (architecture, section 4)
_EVERY_S = 2.0


@dataclass(slots=True, kw_only=True)
class Freshness:
    """When the registries were last known to be read to their end. In the event loop's thread.

    Attributes:
        read_on: asks them to be read to the end of this moment.
        now_s: elapsed time.
    """

    read_on: Callable[[], "Future[Any]"]
    now_s: Callable[[], float]
    _known_s: float = float("-inf")
    _asked: "tuple[float, Future[Any]] | None" = None

    def look(self) -> None:
        """Take an answer that came, and ask again when it is time."""
        if self._asked is not None and self._asked[1].done():
            asked_s, answer = self._asked
            if not answer.cancelled():
                self._known_s = asked_s
            self._asked = None
        if self._asked is None and self.now_s() - self._known_s >= _EVERY_S:
            self._asked = self.now_s(), self.read_on()

    async def wait(self) -> None:
        """Return once what the registries say is no older than it may be."""
        while self.now_s() - self._known_s > MOST_S:
            self.look()
            if self._asked is not None:
                await asyncio.wrap_future(self._asked[1])
                self.look()
