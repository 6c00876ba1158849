"""The real servers for the sink's tests: a stack of their own, since each counts whole topics.

It is started by the first test that asks and stopped when Python ends; a session has at most one.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from overt_ops.devstack import DEMO, Running, Stack


@cache
def running() -> Running:
    """Return Kafka, SeaweedFS and the key server, with the topology applied."""
    folder = Path(tempfile.mkdtemp(prefix="overt-sinks-"))
    up = Stack.up(folder / "state", services=(), tuning=DEMO)

    def down() -> None:
        up.down()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(down)
    return up
