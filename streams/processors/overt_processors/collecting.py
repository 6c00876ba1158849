"""How often Python looks for garbage in a worker.

A worker at work makes no cycles to speak of: records, parts and futures die by reference count. But
with some thousands of them in flight Python walks the young ones every 700 allocations, and the
hundred thousand objects of Faust and its libraries whenever a quarter has been added. So what
stands at the start is left out, and the rest is walked a fiftieth as often: cycles that a fault
leaves behind are still found, some MB later.
"""

import gc

_YOUNG = 35_000  # allocations between two looks at the young: 50 times Python's own
_OLDER = (20, 20)


def settle() -> None:
    """Leave what stands now out of every later look, once a worker has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *_OLDER)
