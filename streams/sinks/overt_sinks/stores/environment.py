"""Keeps the environment out of how a store is reached. SHELL.

Object clients fill gaps, and override what they were told, from variables: an address, a token, a
proxy, "do not sign". A sink is told by its settings alone: an address from elsewhere would take
people's objects there. Clients read the variables while they are made, so then there are none.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_", "AZCOPY_", "BOTO_", "MSI_", "IDENTITY_")
_PROXY = "_PROXY"
_LOCK = threading.Lock()


@contextmanager
def unheard() -> Iterator[None]:
    """Hide the clouds' variables and proxies from this process while the block runs."""
    with _LOCK:
        hidden = {name: os.environ.pop(name) for name in list(os.environ) if _moves(name)}
        try:
            yield
        finally:
            os.environ.update(hidden)


def _moves(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(_PREFIXES) or upper.endswith(_PROXY)
