"""The probe's doors of Azure Blob Storage and Google Cloud Storage. SHELL: bare HTTP.

Both are knocked on with a signed URL, which obstore makes from the identity, and a Content-MD5:
the checksum both check on a plain upload.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import obstore
from obstore import exceptions, store

from overt_schemas.errors import Permanent
from overt_sinks.stores.doors import HttpDoors
from overt_sinks.stores.target import Keys

_LIFE = timedelta(minutes=2)


class AzureDoors(HttpDoors):
    """The doors of a container; the identity is an account key or a shared access signature."""

    # 409: public access is switched off for the whole account.
    refusals = frozenset({401, 403, 404, 409})
    version_header = "x-ms-version-id"

    def __init__(self, backend: store.AzureStore, endpoint: str, bucket: str, keys: Keys) -> None:
        super().__init__()
        self._backend = backend
        self._bucket_url = f"{endpoint}/{bucket}"
        self._sas = keys.secret.lstrip("?") if "sig=" in keys.secret else ""

    def upload(self, name: str, body: bytes, digest_of: bytes) -> tuple[str, Mapping[str, str]]:
        """Sign a PUT of a block blob that creates."""
        del body
        if self._sas:
            url = f"{self._bucket_url}/{name}?{self._sas}"
        else:
            url = _signed(self._backend, name)
        return url, {
            "x-ms-blob-type": "BlockBlob",
            "if-none-match": "*",
            "content-md5": _md5(digest_of),
        }

    def public(self, name: str) -> tuple[str, ...]:
        """Blob and container."""
        return f"{self._bucket_url}/{name}", f"{self._bucket_url}?restype=container&comp=list"


class GcsDoors(HttpDoors):
    """The doors of a bucket; the identity is a service account's key."""

    def __init__(self, backend: store.GCSStore, bucket: str) -> None:
        super().__init__()
        self._backend = backend
        self._bucket = bucket

    def upload(self, name: str, body: bytes, digest_of: bytes) -> tuple[str, Mapping[str, str]]:
        """Sign a PUT. It cannot say "create only": a signed URL would have to sign that header."""
        del body
        return _signed(self._backend, name), {"content-md5": _md5(digest_of)}

    def public(self, name: str) -> tuple[str, ...]:
        """Object and bucket, where a signed URL would find them."""
        parts = urlsplit(_signed(self._backend, name))
        bucket_url = f"{parts.scheme}://{parts.netloc}/{self._bucket}"
        return f"{bucket_url}/{name}", f"{bucket_url}?list-type=2"

    def lose_answer(self, name: str, body: bytes) -> bool:
        """Nothing: an upload without a condition could land behind the create that follows."""
        del name, body
        return False


def _signed(backend: store.AzureStore | store.GCSStore, name: str) -> str:
    try:
        return obstore.sign(backend, "PUT", name, _LIFE)
    except exceptions.BaseError as exc:
        raise Permanent("the identity cannot sign a URL", reason="wrong_checksum") from exc


def _md5(data: bytes) -> str:
    # What the protocol has, against accidents; objects carry a SHA-256 of their own.
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
