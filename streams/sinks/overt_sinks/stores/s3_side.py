"""Versions and half-done uploads of an S3 bucket. SHELL, over boto3: obstore has neither."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from overt_schemas.errors import OvertError, Permanent
from overt_sinks.stores.environment import unheard
from overt_sinks.stores.failures import refused, silent, stumbled
from overt_sinks.stores.side import Upload, Version
from overt_sinks.stores.target import Keys, Site

_TIMEOUT_S = 20
_CONNECT_S = 3
T = TypeVar("T")
_GONE = frozenset({"NoSuchUpload", "NoSuchVersion", "NoSuchKey"})
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden"})
# How servers say that they have no versions, or do not list uploads.
_UNABLE = frozenset({"NotImplemented", "MethodNotAllowed", "VersioningNotConfigured"})
_REFUSALS, _TOO_MANY, _SERVER = frozenset({401, 403}), 429, 500


class S3Side:
    """One bucket at ``endpoint`` as one identity; nothing is loaded or asked before it is used."""

    def __init__(self, endpoint: str, bucket: str, keys: Keys, site: Site) -> None:
        self._endpoint, self._bucket = endpoint, bucket
        self._keys, self._site = keys, site

    @cached_property
    def _client(self) -> Any:
        # It takes long to import and to make, and a sink never needs it.
        with unheard():
            import boto3
            from botocore.config import Config

            style = "virtual" if self._site.virtual_hosted else "path"
            return boto3.session.Session().client(
                "s3",
                endpoint_url=self._endpoint,
                aws_access_key_id=self._keys.access,
                aws_secret_access_key=self._keys.secret,
                region_name=self._site.region,
                config=Config(
                    signature_version="s3v4",
                    connect_timeout=_CONNECT_S,
                    read_timeout=_TIMEOUT_S,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                    s3={"addressing_style": style},
                ),
            )

    def versions(self, prefix: str) -> Iterator[Version]:
        """Yield the hidden versions; nothing where the bucket has none."""
        for page in self._pages("list_object_versions", prefix):
            for item in page.get("Versions", ()):
                if not item["IsLatest"]:
                    yield _version(item, is_marker=False)
            for item in page.get("DeleteMarkers", ()):
                yield _version(item, is_marker=True)

    def delete_version(self, version: Version) -> None:
        """Remove it for good."""
        self._asked(
            lambda: self._client.delete_object(
                Bucket=self._bucket, Key=version.name, VersionId=version.id
            )
        )

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the half-done uploads."""
        for page in self._pages("list_multipart_uploads", prefix):
            for item in page.get("Uploads", ()):
                begun = round(item["Initiated"].timestamp() * 1000)
                yield Upload(name=item["Key"], id=item["UploadId"], begun_ms=begun)

    def abort(self, upload: Upload) -> None:
        """Drop it with its bytes."""
        self._asked(
            lambda: self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=upload.name, UploadId=upload.id
            )
        )

    def _pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = iter(
            self._client.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=prefix)
        )
        try:
            while (page := self._asked(lambda: next(pages, None))) is not None:
                yield page
        except _Unable:
            return

    def _asked(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except ClientError as exc:
            failure = _translated(exc)
            if failure is None:
                return None
            raise failure from exc
        except BotoCoreError as exc:
            raise silent() from exc


class _Unable(Permanent):
    """The server has no such thing as was asked for."""


def _version(item: dict[str, Any], is_marker: bool) -> Version:
    return Version(
        name=item["Key"], id=item["VersionId"], size=item.get("Size", 0), is_marker=is_marker
    )


def _translated(exc: ClientError) -> OvertError | None:
    """Return our error for boto3's; None for what is gone already."""
    code = exc.response.get("Error", {}).get("Code", "")
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _GONE:
        return None
    if code in _UNABLE:
        return _Unable("the store cannot do that", reason="store_unable")
    if code in _REFUSED or status in _REFUSALS:
        return refused()
    if status >= _SERVER or status == _TOO_MANY:
        return stumbled(status)
    return Permanent(f"the store answers {status}", reason="store_unable")
