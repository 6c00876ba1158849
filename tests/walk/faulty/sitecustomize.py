"""A worker that falls with content in its hands: a test double, in no wheel.

Python imports this file at start when its folder is on PYTHONPATH. Everything that was opened is
written to the file OVERT_TEST_DUMP names, as a careless dump would: the scanner has to find it
there. Once, over a batch that has events, the worker falls: an exception with the content in its
frames, just before it would be sealed again.
"""

import os
from pathlib import Path
from typing import Any


def _break(sealing: Any, dump: Path) -> None:
    seal, fallen = sealing.part_of, dump.with_suffix(".fallen")

    def careless(segments: Any, content: Any, *rest: Any) -> Any:
        from overt_schemas import codec

        with dump.open("ab") as out:
            out.write(codec.pack(content.batch))
        if getattr(content.batch, "kind", b"") and not fallen.exists():
            fallen.touch()
            raise RuntimeError("fell")
        return seal(segments, content, *rest)

    sealing.part_of = careless


if path := os.environ.get("OVERT_TEST_DUMP"):
    from overt_processors.core import sealing

    _break(sealing, Path(path))
