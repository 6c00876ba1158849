"""Azurite: Microsoft's emulator of Azure Blob Storage."""

import base64
import hmac
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx

from overt_sinks.stores.target import Site
from tests.stores.install import node_program
from tests.stores.serving import serving

LOCK = Path(__file__).with_name("azurite") / "azurite.lock"
ACCOUNT = "overttest"
KEY = base64.b64encode(b"an account key of tests, 32 bytes").decode()
_VERSION = "2021-12-02"


def program() -> Path:
    """Return the script, installed once."""
    return node_program(LOCK, "azurite/dist/src/blob/main.js")


@contextmanager
def azurite(folder: Path) -> Iterator[Site]:
    """Serve one account from memory; yields how it is reached."""
    folder.mkdir(parents=True)
    script, node = program(), shutil.which("node") or "node"

    def command(port: int) -> list[str | Path]:
        return [
            "/usr/bin/env", f"AZURITE_ACCOUNTS={ACCOUNT}:{KEY}", node, script,
            "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence",
            "--silent", "--disableTelemetry",
        ]  # fmt: skip

    with serving(command, folder) as url:
        yield Site(account=ACCOUNT, endpoint=f"{url}/{ACCOUNT}")


def make_container(site: Site, name: str) -> None:
    """Make a private container."""
    url = f"{site.endpoint}/{name}?restype=container&{signature('rwdlac')}"
    httpx.put(url).raise_for_status()


def signature(rights: str) -> str:
    """Return a shared access signature of the account: r(ead) w(rite) d(elete) l(ist) c(reate)."""
    fields = {
        "sp": rights, "ss": "b", "srt": "sco", "st": "", "se": "2099-01-01T00:00:00Z", "sip": "",
        "spr": "https,http", "sv": _VERSION, "ses": "",
    }  # fmt: skip
    text = "\n".join((ACCOUNT, *fields.values(), ""))
    digest = hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")
    signed = {**fields, "sig": base64.b64encode(digest).decode()}
    return urlencode({name: value for name, value in signed.items() if value})
