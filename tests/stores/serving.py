"""Runs a server of a test: a port of its own, ready when it answers, gone with the block."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

_READY_S = 30.0
_STOP_S = 10.0
_AGAIN_S = 0.05


def free_port() -> int:
    """Return a port of this machine that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Callable[[int], Sequence[str | Path]], folder: Path) -> Iterator[str]:
    """Start the command for a port; yield its URL, with no slash at its end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "said.log").open("wb") as said:
        running = subprocess.Popen(
            [str(word) for word in command(port)], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=said, stderr=said,
        )  # fmt: skip
    try:
        _wait(running, url, folder / "said.log")
        yield url
    finally:
        running.terminate()
        try:
            running.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _wait(running: subprocess.Popen[bytes], url: str, said: Path) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        if running.poll() is not None:
            break
        try:
            httpx.get(url, timeout=1)
        except httpx.HTTPError:
            time.sleep(_AGAIN_S)
        else:
            return
    raise RuntimeError(f"the server is not up: {said.read_text(errors='replace')[-400:]}")
