"""A worker whose registries come late and whose clock somebody sets: a test double, in no wheel.

Python imports this file at start when its folder is on PYTHONPATH. While the file OVERT_TEST_SLOW
names holds a number, whatever the registry reader got waits so many milliseconds before it is
learnt, as behind a broker that is slow to answer; the clock is as in ``set_clock`` beside this.
"""

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

_SLOW = os.environ.get("OVERT_TEST_SLOW", "")
_CLOCK = Path(__file__).parent.parent / "set_clock" / "sitecustomize.py"


def _slow_ms() -> int:
    try:
        return int(Path(_SLOW).read_text() or 0)
    except (OSError, ValueError):
        return 0


def _slow_down(reader: Any) -> None:
    take = reader._take

    def late(self: Any, messages: Any) -> None:
        time.sleep(_slow_ms() / 1000)
        take(self, messages)

    reader._take = late


if _SLOW:
    from overt_processors.registries import RegistryReader

    _slow_down(RegistryReader)
    spec = importlib.util.spec_from_file_location("set_clock", _CLOCK)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
