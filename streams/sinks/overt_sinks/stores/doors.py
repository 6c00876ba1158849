"""What the start-up probe knocks on beside the identities. SHELL: bare HTTP, or a folder's mode.

Clients compute checksums rightly, sign always and read every answer; here is what they never do.
"""

import base64
import hashlib
import http.client
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from overt_schemas.errors import Permanent, Transient
from overt_sinks.stores.sigv4 import signed_put
from overt_sinks.stores.target import Keys, Site, bucket_url

PATIENCE_S = 5.0
ON, OFF, UNKNOWN = "on", "off", "unknown"
# How a stranger is refused. Anything else, a store that stumbles too, proves nothing.
_REFUSALS = frozenset({401, 403, 404})


class HttpDoors(ABC):
    """The doors of a store behind HTTP; ``side_door`` is empty where it has none."""

    refusals = _REFUSALS
    version_header = ""

    def __init__(self, side_door: str = "", patience_s: float = PATIENCE_S) -> None:
        self._side_door = side_door
        self._patience_s = patience_s
        self._versioning = UNKNOWN

    @abstractmethod
    def upload(self, name: str, body: bytes, digest_of: bytes) -> tuple[str, Mapping[str, str]]:
        """Return URL and headers of an upload under a good signature, with that other's digest."""

    @abstractmethod
    def public(self, name: str) -> tuple[str, ...]:
        """Return the URLs at which a stranger would read that object and list its bucket."""

    def takes_wrong_checksum(self, name: str) -> bool:
        """Upload under a good signature with a checksum that is not the body's.

        The same request with the right one comes first: a store that refuses both, for the
        signature or the clock, has not looked at the checksum.
        """
        body = b"checksum"
        control = self._put(f"{name}-right", body, body)
        if not 200 <= control < 300:
            raise Permanent(f"a right checksum is answered {control}", reason="wrong_checksum")
        status = self._put(name, body, b"another")
        if 200 <= status < 300:
            return True
        if status != httpx.codes.BAD_REQUEST:
            raise Permanent(f"a wrong checksum is answered {status}", reason="wrong_checksum")
        return False

    def lose_answer(self, name: str, body: bytes) -> bool:
        """Upload and hang up before the answer: whether it was created is for others to see."""
        url, headers = self.upload(name, body, body)
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        line = kind(parts.netloc, timeout=self._patience_s)
        try:
            line.request(
                "PUT", url.removeprefix(f"{parts.scheme}://{parts.netloc}"), body, dict(headers)
            )
        except OSError as exc:
            raise Transient("the store gives no answer", reason="store") from exc
        finally:
            line.close()
        return True

    def answers_strangers(self, name: str) -> bool:
        """Read and list with no signature at all."""
        return any(self._answers(url) for url in self.public(name))

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

    def versioning(self) -> str:
        """Return whether the last upload made a version: ``on``, ``off``, or ``unknown``."""
        return self._versioning

    def _put(self, name: str, body: bytes, digest_of: bytes) -> int:
        url, headers = self.upload(name, body, digest_of)
        try:
            answer = httpx.put(
                url, content=body, headers=headers, timeout=self._patience_s, trust_env=False
            )
        except httpx.HTTPError as exc:
            raise Transient("the store gives no answer", reason="store") from exc
        status = answer.status_code
        # Whether a request is good is not what such an answer speaks of.
        if status >= 500 or status in (408, 429):
            raise Transient(f"the store answers {status}", reason="store")
        if 200 <= status < 300 and self.version_header:
            made = answer.headers.get(self.version_header, "null")
            self._versioning = OFF if made == "null" else ON
        return status

    def _answers(self, url: str) -> bool:
        try:
            status = httpx.get(url, timeout=self._patience_s, trust_env=False).status_code
        except httpx.HTTPError as exc:
            raise Transient("the store gives no answer", reason="store") from exc
        # A redirect is an answer too: a stranger was told where to go.
        if status < 400:
            return True
        if status in self.refusals:
            return False
        raise Transient(f"the store answers {status} to a stranger", reason="store")


class S3Doors(HttpDoors):
    """The doors of an S3 store at ``url``."""

    version_header = "x-amz-version-id"

    def __init__(
        self, url: str, bucket: str, keys: Keys, side_door: str = "",
        patience_s: float = PATIENCE_S, site: Site | None = None,
    ) -> None:  # fmt: skip
        super().__init__(side_door, patience_s)
        self._site = site or Site()
        self._bucket_url = bucket_url(url.rstrip("/"), bucket, self._site.virtual_hosted)
        self._keys = keys

    def upload(self, name: str, body: bytes, digest_of: bytes) -> tuple[str, Mapping[str, str]]:
        """Sign a PUT that creates, with a SHA-256 checksum."""
        url = f"{self._bucket_url}/{name}"
        digest = base64.b64encode(hashlib.sha256(digest_of).digest()).decode()
        extra = {"x-amz-checksum-sha256": digest, "if-none-match": "*"}
        keys, now = (self._keys.access, self._keys.secret), datetime.now(UTC)
        return url, signed_put(url, body, extra, keys, now, self._site.region)

    def public(self, name: str) -> tuple[str, ...]:
        """Object and bucket by path or by host."""
        return f"{self._bucket_url}/{name}", f"{self._bucket_url}/?list-type=2"


class FolderDoors:
    """The doors of a directory: whoever else may enter is a stranger."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def takes_wrong_checksum(self, _name: str) -> bool:
        """A directory is sent no checksum; objects carry their own hash."""
        return False

    def lose_answer(self, _name: str, _body: bytes) -> bool:
        """A directory answers with the call's return: no answer is lost."""
        return False

    def answers_strangers(self, _name: str) -> bool:
        """Whether group or others have any right on the folder."""
        return bool(stat.S_IMODE(self._folder.stat().st_mode) & 0o077)

    def side_door_open(self) -> bool:
        """A directory has none."""
        return False

    def versioning(self) -> str:
        """A directory keeps no versions."""
        return OFF
