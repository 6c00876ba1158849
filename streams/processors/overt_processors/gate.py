"""Between an assignment and its first record: a processor may have to read up first.

Faust hands out records as soon as it has partitions. The gate is shut from a revoke until the
processor has said that it is ready for what is assigned now; a record that was taken out of Faust's
buffer before the revoke is let go when the gate opens again, as it belongs to the past.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from overt_processors.acknowledge import EXIT_REDELIVER, die


@dataclass(slots=True, kw_only=True)
class Gate:
    """Lives in the event loop's thread.

    Attributes:
        is_open: whether records may pass.
        opened: called when it opens.
    """

    opened: Callable[[], object]
    fail: Callable[..., object] = die
    is_open: bool = False
    _round: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    async def passes(self) -> bool:
        """Wait until the gate is open; returns False for a record that was revoked meanwhile."""
        came = self._round
        while not self.is_open:
            await self._changed.wait()
        return came == self._round

    def shut(self) -> None:
        """Shut it: partitions were revoked. What still prepares for them is broken off."""
        self.is_open = False
        self._round += 1
        self._changed.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def open_after(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Open it once ``prepare`` is done; one that fails ends the process."""
        self.shut()
        self._task = asyncio.get_running_loop().create_task(self._prepare(prepare, self._round))

    async def _prepare(self, prepare: Callable[[], Awaitable[None]], of_round: int) -> None:
        try:
            await prepare()
        except Exception as exc:
            if of_round == self._round:
                self.fail(EXIT_REDELIVER, "assignment_failed", error=type(exc).__name__)
            return
        if of_round == self._round:
            self.is_open = True
            self._changed.set()
            self.opened()
