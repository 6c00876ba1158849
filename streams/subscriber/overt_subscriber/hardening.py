"""A reader's memory holds content and keys: no core dump, no other process of the user looks in."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def seal_process() -> None:
    """Forbid core dumps and, on Linux, ptrace by the same user; call it before anything else."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
