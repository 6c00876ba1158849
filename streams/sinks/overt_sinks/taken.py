"""A record as it was taken from Kafka, and what the sink made of it. Pure."""

from dataclasses import dataclass

from overt_schemas.codec import FRAME_BYTES
from overt_sinks.placing import PART, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One record of a partition.

    Attributes:
        value: the Kafka value, byte for byte, still sealed; empty where there was none.
        place: where it belongs, or None for a record that is set aside.
        reason: why it is set aside; empty for a record that is stored.
        arrived_ns: when the sink got it, on the clock of ``now``.
    """

    offset: int
    append_ms: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes
    place: Place | None
    reason: str = ""
    arrived_ns: int = 0

    @property
    def size(self) -> int:
        """What the record costs in memory, roughly: a bare object is not free either."""
        return len(self.value) + len(self.key) + sum(len(v) for _, v in self.headers) + 512

    @property
    def schema(self) -> tuple[bool, int] | None:
        """Whether it is a part (or a mark) and by which schema; None for what is set aside.

        An object has one schema of each: its readers decode its values by one of two schemas.
        """
        if self.place is None:
            return None
        return self.place.kind == PART, int.from_bytes(self.value[1:FRAME_BYTES])
