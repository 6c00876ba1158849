"""A SeaweedFS of our own: started as the embedded stack starts it, with the topology's rights.

``Weed.put`` stores as the root identity; everybody else has what ``deploy/topology`` gives them.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
from obstore.store import S3Store

from overt_ops.devstack import preflight, seaweed
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.service import SOCKETS
from overt_ops.private import private_dir
from overt_ops.topology.files import load

TIERS = ("hot", "warm", "cold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weed:
    """A store that runs."""

    url: str
    layout: Layout

    def keys(self, name: str) -> tuple[str, str]:
        """Access and secret key of an identity."""
        return seaweed.ensure_keys(self.layout, name)

    def key_files(self, name: str) -> tuple[Path, Path]:
        folder = self.layout.principal(name)
        return folder / "s3.access", folder / "s3.secret"

    def bucket(self, tier: str) -> S3Store:
        access, secret = self.keys(seaweed.ROOT)
        return S3Store(
            tier, endpoint=self.url, region="us-east-1", access_key_id=access,
            secret_access_key=secret, virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )  # fmt: skip

    def put(self, tier: str, name: str, data: bytes) -> None:
        obstore.put(self.bucket(tier), name, data)

    def delete(self, tier: str, name: str) -> None:
        obstore.delete(self.bucket(tier), name)


@contextmanager
def running(folder: Path) -> Iterator[Weed]:
    """Start a store; it is stopped with the block."""
    layout = Layout(state=private_dir(folder / "weed"))
    rights = load().buckets
    seaweed.prepare(layout, rights)
    ports = preflight.choose_ports(seaweed.PORTS, {})
    private_dir(layout.log("seaweed").parent)
    entry = seaweed.service(layout, ports)
    # A socket's path has little room; the folder of a test may be long.
    sockets = Path(tempfile.mkdtemp(prefix="weed-"))
    argv = [part.replace(SOCKETS, str(sockets)) for part in entry.argv]
    with layout.log("seaweed").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=entry.cwd, stdout=log, stderr=log, env=os.environ, umask=0o077
        )
    try:
        made = Weed(url=f"http://127.0.0.1:{ports['s3']}", layout=layout)
        _await(lambda: httpx.get(f"{made.url}/healthz").status_code == 200, process, layout)
        for tier in TIERS:
            _await(lambda tier=tier: _made(made, tier), process, layout)
        yield made
    finally:
        process.kill()  # its way of stopping may take many seconds, and its data goes anyway
        process.wait()
        shutil.rmtree(sockets, ignore_errors=True)


def _made(weed: Weed, tier: str) -> bool:
    # A bucket that answers to a first put: the volume server has joined by then.
    url = obstore.sign(weed.bucket(tier), "PUT", "", timedelta(minutes=1))
    if httpx.put(url).status_code not in (200, 409):
        return False
    try:
        weed.put(tier, "first", b"x")
    except obstore.exceptions.BaseError:
        return False
    return True


def _await(happened: object, process: "subprocess.Popen[bytes]", layout: Layout) -> None:
    assert callable(happened)
    deadline = time.monotonic() + 30
    while True:
        try:
            if happened():
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, layout.log("seaweed").read_text()[-2000:]
        assert time.monotonic() < deadline, "the store did not start in time"
        time.sleep(0.05)
