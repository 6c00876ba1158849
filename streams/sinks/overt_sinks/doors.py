"""What the start-up probe knocks on beside the identities. SHELL: bare HTTP, or a folder's mode."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import httpx

from overt_schemas.errors import Transient
from overt_sinks.sigv4 import signed_put
from overt_sinks.store import Keys

_TIMEOUT_S = 5.0
# Any hash but that of the body; a store that checks answers 400.
_WRONG = base64.b64encode(bytes(32)).decode()


class S3Doors:
    """The doors of an S3 store at ``url``; ``side_door`` is empty where it has none."""

    def __init__(self, url: str, bucket: str, keys: Keys, side_door: str) -> None:
        self._bucket_url = f"{url.rstrip('/')}/{bucket}"
        self._keys = keys
        self._side_door = side_door

    def takes_wrong_checksum(self, name: str) -> bool:
        """Upload under a good signature with a checksum that is not the body's."""
        url, body = f"{self._bucket_url}/{name}", b"wrong checksum"
        extra = {"x-amz-checksum-sha256": _WRONG, "if-none-match": "*"}
        keys, now = (self._keys.access, self._keys.secret), datetime.now(UTC)
        headers = signed_put(url, body, extra, keys, now)
        try:
            answer = httpx.put(url, content=body, headers=headers, timeout=_TIMEOUT_S)
        except httpx.HTTPError as exc:
            raise Transient("the store gives no answer", reason="store") from exc
        return answer.is_success

    def answers_strangers(self, name: str) -> bool:
        """Read and list with no signature at all."""
        return any(
            self._answers(url)
            for url in (f"{self._bucket_url}/{name}", f"{self._bucket_url}/?list-type=2")
        )

    def side_door_open(self) -> bool:
        """Ask the inner port; nobody listening there is the best answer."""
        if not self._side_door:
            return False
        try:
            return self._answers(self._side_door)
        except Transient:
            return False

    def _answers(self, url: str) -> bool:
        try:
            # A redirect is an answer too: a stranger was told where to go.
            return httpx.get(url, timeout=_TIMEOUT_S).status_code < 400
        except httpx.HTTPError as exc:
            raise Transient("the store gives no answer", reason="store") from exc


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
