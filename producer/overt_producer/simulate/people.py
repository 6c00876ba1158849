"""Who the simulated persons are: a script each, from a seed or from a recording. Pure."""

import random
from dataclasses import replace
from pathlib import Path

from overt_producer.sources.script import Script, written
from overt_producer.sources.traces import read_ducktrack

# A recording is long; with more devices than one, every second of them replays it.
TRACE_EVERY = 2


def script_for(index: int, seed: int, seconds: float, trace: Path | None) -> Script:
    """Return what person number ``index`` does; the same arguments give the same script."""
    if trace is not None and index % TRACE_EVERY == 0:
        return _from_second(read_ducktrack(trace), random.Random(f"{seed}/{index}").random())  # noqa: S311
    return written(seed=seed * 1000 + index, duration_ms=round(seconds * 1000))


def _from_second(script: Script, share: float) -> Script:
    """Begin a recording in its first half, elsewhere for each person."""
    begin_ms = round(script.duration_ms * share / 2)
    inputs = tuple(replace(e, t_ms=e.t_ms - begin_ms) for e in script.inputs if e.t_ms >= begin_ms)
    return replace(script, inputs=inputs)
