"""What the start-up probe knocks on beside the identities. SHELL: bare HTTP, or a folder's mode."""

import base64
import hashlib
import stat
from datetime import UTC, datetime
from pathlib import Path

import httpx

from overt_schemas.errors import Permanent, Transient
from overt_sinks.stores.sigv4 import signed_put
from overt_sinks.stores.store import Keys

_TIMEOUT_S = 5.0
# Any hash but that of the body; a store that checks answers 400.
_WRONG = base64.b64encode(bytes(32)).decode()
# How a stranger is refused. Anything else, a store that stumbles too, proves nothing.
_REFUSALS = frozenset({401, 403, 404})


class S3Doors:
    """The doors of an S3 store at ``url``; ``side_door`` is empty where it has none."""

    def __init__(
        self, url: str, bucket: str, keys: Keys, side_door: str, patience_s: float = _TIMEOUT_S
    ) -> None:
        self._bucket_url = f"{url.rstrip('/')}/{bucket}"
        self._keys = keys
        self._side_door = side_door
        self._patience_s = patience_s

    def takes_wrong_checksum(self, name: str) -> bool:
        """Upload under a good signature with a checksum that is not the body's.

        The same request with the right one comes first: a store that refuses both, for the
        signature or the clock, has not looked at the checksum.
        """
        body = b"checksum"
        right = base64.b64encode(hashlib.sha256(body).digest()).decode()
        control = self._put(f"{name}-right", body, right)
        if not 200 <= control < 300:
            raise Permanent(f"a right checksum is answered {control}", reason="wrong_checksum")
        status = self._put(name, body, _WRONG)
        if 200 <= status < 300:
            return True
        if status != httpx.codes.BAD_REQUEST:
            raise Permanent(f"a wrong checksum is answered {status}", reason="wrong_checksum")
        return False

    def answers_strangers(self, name: str) -> bool:
        """Read and list with no signature at all."""
        return any(
            self._answers(url)
            for url in (f"{self._bucket_url}/{name}", f"{self._bucket_url}/?list-type=2")
        )

    def side_door_open(self) -> bool:
        """Ask the inner port; nobody listening there is the best answer, silence is none."""
        if not self._side_door:
            return False
        try:
            return self._answers(self._side_door)
        except Transient as exc:
            if isinstance(exc.__cause__, httpx.ConnectError):
                return False
            raise

    def _put(self, name: str, body: bytes, checksum: str) -> int:
        url = f"{self._bucket_url}/{name}"
        extra = {"x-amz-checksum-sha256": checksum, "if-none-match": "*"}
        keys, now = (self._keys.access, self._keys.secret), datetime.now(UTC)
        headers = signed_put(url, body, extra, keys, now)
        try:
            status = httpx.put(url, content=body, headers=headers, timeout=self._patience_s)
        except httpx.HTTPError as exc:
            raise Transient("the store gives no answer", reason="store") from exc
        return _proven(status.status_code)

    def _answers(self, url: str) -> bool:
        try:
            status = httpx.get(url, timeout=self._patience_s).status_code
        except httpx.HTTPError as exc:
            raise Transient("the store gives no answer", reason="store") from exc
        # A redirect is an answer too: a stranger was told where to go.
        if status < 400:
            return True
        if status in _REFUSALS:
            return False
        raise Transient(f"the store answers {status} to a stranger", reason="store")


def _proven(status: int) -> int:
    """Return a status that says something about the request, and not about the store's health."""
    if status >= 500 or status in (408, 429):
        raise Transient(f"the store answers {status}", reason="store")
    return status


class FolderDoors:
    """The doors of a directory: whoever else may enter is a stranger."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def takes_wrong_checksum(self, _name: str) -> bool:
        """A directory is sent no checksum; objects carry their own hash."""
        return False

    def answers_strangers(self, _name: str) -> bool:
        """Whether group or others have any right on the folder."""
        return bool(stat.S_IMODE(self._folder.stat().st_mode) & 0o077)

    def side_door_open(self) -> bool:
        """A directory has none."""
        return False
