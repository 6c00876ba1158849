"""How much memory a process really costs: its proportional share (PSS), children included."""

import psutil

_MB = 1_000_000


def pss_mb(pid: int, *, children: bool = True) -> float:
    """Return megabytes; 0 for a process that is gone, resident memory where PSS is unknown."""
    if not pid:
        return 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *(process.children(recursive=True) if children else ())]
        return round(sum(_bytes(member) for member in family) / _MB, 1)
    except psutil.Error:
        return 0.0


def _bytes(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", 0) or full.rss)
