"""A careless `overt-sink`: a test double, in no wheel, that tells at its end what it should not.

Python imports this file at start when its folder is on PYTHONPATH. What the process says (logs on
stderr, its result on stdout) is then no longer clean, and the scanner has to find it there.
"""

import atexit
import os
import sys


def _tell() -> None:
    for stream in (sys.stderr, sys.stdout):
        stream.write(os.environ["OVERT_CARELESS"] + "\n")


if "OVERT_CARELESS" in os.environ:
    atexit.register(_tell)
