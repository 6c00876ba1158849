"""What a sink is fed: sealed parts of many devices, as large as those of keys and of frames."""

import random

from overt_schemas.ids import Stream
from tests.sinks.made import Segments

_DEVICES = 50
_DAY = "2026-11-20"  # over, so that a mover packs it
_SEGMENT = 60  # parts, one a second
INPUT_BYTES = 2048  # the floor of the padding; most seconds of input fit
FRAME_BYTES = 48_000  # of a second in which something moved


def parts(kind: str, total_bytes: int, seed: int) -> list[tuple[bytes, bytes]]:
    """Return key and framed value of so many bytes of parts; ``mixed`` is one frame an input."""
    chance = random.Random(seed)  # noqa: S311 - sizes
    devices = [
        {
            stream: Segments(
                device=seed.to_bytes(8) + n.to_bytes(8), person=f"p-{n:016x}",
                day=_DAY, stream=stream, number=seed * 1000,
            )
            for stream in Stream
        }
        for n in range(_DEVICES)
    ]  # fmt: skip
    rows: list[tuple[bytes, bytes]] = []
    size = number = 0
    while size < total_bytes:
        device = devices[number % _DEVICES]
        is_frame = kind == "frame" or (kind == "mixed" and number // _DEVICES % 2 == 1)
        source = device[Stream.FRAME if is_frame else Stream.INPUT]
        if source.batch and source.batch % _SEGMENT == 0:
            source.next_segment()
        length = (
            chance.randrange(FRAME_BYTES // 2, FRAME_BYTES * 3 // 2) if is_frame else INPUT_BYTES
        )
        rows.append((source.device, source.part(size=length)))
        size += len(rows[-1][1])
        number += 1
    return rows
