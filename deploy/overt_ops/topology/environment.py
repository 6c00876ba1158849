"""Keeps the environment out of which store is reached. SHELL.

The object client lets variables overrule the address that it was told, and a request signed by the
store's root would go, and make buckets, elsewhere. It reads them while it is made.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()


@contextmanager
def unheard() -> Iterator[None]:
    """Hide the variables of S3 and of proxies from this process while the block runs."""
    with _LOCK:
        hidden = {name: os.environ.pop(name) for name in list(os.environ) if _moves(name)}
        try:
            yield
        finally:
            os.environ.update(hidden)


def _moves(name: str) -> bool:
    upper = name.upper()
    return upper.startswith("AWS_") or upper.endswith("_PROXY")
