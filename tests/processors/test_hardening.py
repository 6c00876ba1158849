"""Epoch keys and what people typed stay in the worker's memory."""

import subprocess
import sys

import pytest

LOOK = """
import ctypes, resource, sys
from overt_processors import {module} as it

def load(path):
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
    print(resource.getrlimit(resource.RLIMIT_CORE), dumpable, flush=True)
    sys.exit(0)

it.load = load
sys.argv = {argv!r}
it.main()
"""
ARGS = ["--config", "nowhere"]


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("worker", ["worker", "--app", "feed", *ARGS, "--instance", "i"]),
        ("cli", ["cli", "feed", *ARGS]),
    ],
)
def test_no_core_dump_and_no_other_process_can_look_before_a_key_is_there(
    module: str, argv: list[str]
) -> None:
    code = LOOK.format(module=module, argv=argv)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        seen = child.stdout.readline().strip()
        child.wait(10)

    assert seen == "(0, 0) 0"
