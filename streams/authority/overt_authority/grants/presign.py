"""Presigned GETs of one byte range each, by AWS Signature Version 4 in the query. No I/O.

A URL is good for one method, one object, one ``Range`` header, one host and a number of seconds,
all of which its signature covers. Whoever has it can read these bytes until then: it is never
logged. Whether a store really holds callers to the range is for ``proof`` to find out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_RANGE = "Range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presigned:
    """A GET that somebody else may send, with exactly these headers."""

    url: str = field(repr=False)
    headers: Mapping[str, str]


class Presigner:
    """Signs as one identity of an S3 store, path-style."""

    def __init__(
        self, endpoint: str, buckets: Mapping[str, str], access_key: str, secret_key: str, *,
        region: str = "us-east-1",
    ) -> None:  # fmt: skip
        self._endpoint, self._buckets = endpoint.rstrip("/"), dict(buckets)
        self._credentials, self._region = Credentials(access_key, secret_key), region

    def get(
        self, tier: str, name: str, first: int, size: int, valid_s: int, now_ms: int
    ) -> Presigned:
        """Return a GET of ``size`` bytes of an object from ``first`` on, good from ``now_ms``."""
        wanted = f"bytes={first}-{first + size - 1}"
        url = f"{self._endpoint}/{quote(self._buckets[tier])}/{quote(name, safe='/-_.~')}"
        request = AWSRequest("GET", url, headers={_RANGE: wanted})
        _At(self._credentials, self._region, valid_s, now_ms).add_auth(request)
        return Presigned(url=request.url, headers={_RANGE: wanted})


class _At(S3SigV4QueryAuth):  # type: ignore[misc]
    """Signs as of a time that is an argument; the library asks the system's clock."""

    def __init__(self, credentials: Credentials, region: str, valid_s: int, now_ms: int) -> None:
        super().__init__(credentials, "s3", region, expires=valid_s)
        self._now = datetime.fromtimestamp(now_ms // 1000, UTC)

    def add_auth(self, request: AWSRequest) -> None:
        """Add the query's fields to the request's URL, and its signature last."""
        request.context["timestamp"] = self._now.strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))
