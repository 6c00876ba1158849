"""A sampler: where the threads of a process are, a few hundred times a second.

Python imports this at start when its folder is on PYTHONPATH; the counts go to the file that
``OVERT_SAMPLES`` names, again every second, so that a kill loses no more than that.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from types import FrameType

_EVERY_S, _WRITE_S = 0.004, 1.0


def _place(frame: FrameType | None) -> str:
    """Return the innermost line of ours, with the function of another's that it is in."""
    inner = "" if frame is None else frame.f_code.co_name
    while frame is not None:
        file = frame.f_code.co_filename
        if "overt_" in file:
            name = f"{file.rsplit('/', 1)[-1]}:{frame.f_lineno} {frame.f_code.co_name}"
            return name if inner == frame.f_code.co_name else f"{name} > {inner}"
        frame = frame.f_back
    return f"? {inner}"


def _sample(path: str) -> None:
    counts: Counter[str] = Counter()
    own, written = threading.get_ident(), 0.0
    while True:
        time.sleep(_EVERY_S)
        for thread, frame in sys._current_frames().items():
            if thread != own:
                name = "main" if thread == threading.main_thread().ident else "writer"
                counts[f"{name} {_place(frame)}"] += 1
        if time.monotonic() - written > _WRITE_S:
            written = time.monotonic()
            with open(f"{path}.new", "w") as file:  # noqa: PTH123 - the fewest imports
                json.dump(counts.most_common(), file)
            os.replace(f"{path}.new", path)  # noqa: PTH105


if "OVERT_SAMPLES" in os.environ:
    threading.Thread(target=_sample, args=(os.environ["OVERT_SAMPLES"],), daemon=True).start()
