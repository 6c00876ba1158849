"""What an app of this room is, as the shell sees it: one object that takes records.

The shell (app, worker) owns Faust, the group's life and the process; a processor owns what becomes
of a record. It hands the future of what it produced to the acknowledger, and forgets everything of
a partition when that is revoked.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from overt_processors.acknowledge import Acknowledger
from overt_processors.apps import App
from overt_processors.core.opening import Keys
from overt_processors.registries import RegistryReader
from overt_processors.settings import Settings
from overt_schemas.clock import Clock


class Processor(Protocol):
    """Lives in the event loop's thread; nothing here is called from two tasks of a kind at once.

    ``handle`` and ``tick`` are two tasks: what one leaves behind at an await, the other meets.
    """

    acknowledger: Acknowledger

    async def handle(self, event: Any) -> None:
        """Take one record all the way to the producer's buffer and to the acknowledger."""
        ...

    def revoke(self, partitions: list[int]) -> None:
        """Forget all that belongs to this generation, what is in flight first."""
        ...

    async def assigned(self, partitions: list[int]) -> None:
        """Return once records of these partitions may be handled; cancelled by a revoke."""
        ...

    async def tick(self, now_ms: int) -> None:
        """About once a second, while partitions are assigned and ``assigned`` has returned."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a processor is made of.

    Attributes:
        app: the Faust app, not started.
        row: the app's row in the table.
        reader: the registries that the row names, read to their end.
        keys: the processors' keys; None unless the row asks for them.
        key_set: version of the key set that ``keys`` were accepted under.
    """

    app: "faust.App"  # type: ignore[name-defined] # noqa: F821
    row: App
    settings: Settings
    reader: RegistryReader
    clock: Clock
    acknowledger: Acknowledger
    keys: Keys | None
    key_set: int

    def epoch_keys(self) -> Keys:
        """Return the keys of a row that asks for them."""
        assert self.keys is not None, "the row asks for no keys"  # noqa: S101
        return self.keys
