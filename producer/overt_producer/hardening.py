"""What a process that has seen key presses must not leave behind."""

import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def harden() -> None:
    """No core dumps, no tracing by other processes of this user, files for this user alone."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
