"""Which store a URL names, and what is needed to reach it. Pure.

``http(s)://host[:port]``  an S3 server at that address; paths, not host names, carry the bucket
``s3://``                  AWS S3 in ``region``
``gs://``                  Google Cloud Storage
``az://``                  Azure Blob Storage, in ``account``
``file:///folder``         a directory of this machine

Buckets are named by the settings, never by the URL.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from overt_schemas.errors import Refused


class Kind(Enum):
    """The families of stores."""

    S3 = "s3"
    GCS = "gs"
    AZURE = "az"
    FOLDER = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """One identity at a store.

    Attributes:
        access: the access key of S3; empty for the others.
        secret: S3's secret key; GCS: a service account's JSON; Azure: an account key or a SAS.
    """

    access: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a URL leaves open.

    Attributes:
        region: of S3; only ``s3://`` makes a host of it.
        account: the storage account of Azure.
        endpoint: another address of the service: a private one, or an emulator.
        virtual_hosted: whether S3 takes the bucket as part of the host name.
    """

    region: str = "us-east-1"
    account: str = ""
    endpoint: str = ""
    virtual_hosted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A store that can be opened. ``endpoint`` is empty for a folder and for GCS's own address."""

    kind: Kind
    endpoint: str = ""
    folder: Path | None = None


def target(url: str, site: Site, has_keys: bool) -> Target:
    """Return what a URL names.

    Raises:
        Refused: no store's URL, or something it needs is missing; the message says which.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Target(kind=Kind.FOLDER, folder=Path(unquote(parts.path)))
    if parts.scheme in ("http", "https"):
        kind, endpoint = Kind.S3, url.rstrip("/")
    elif parts.scheme in ("s3", "gs", "az"):
        kind = Kind(parts.scheme)
        if parts.netloc or parts.path.strip("/"):
            raise _refused(f"store.url is {parts.scheme}:// and nothing more: buckets are settings")
        endpoint = site.endpoint.rstrip("/")
    else:
        raise _refused("store.url must begin with http(s)://, s3://, gs://, az:// or file://")
    if not has_keys:
        raise _refused("a store that is no folder needs an identity: give its key files")
    if kind is Kind.AZURE and not site.account:
        raise _refused("az:// needs store.account")
    if kind is Kind.S3 and not endpoint:
        endpoint = f"https://s3.{site.region}.amazonaws.com"
    if kind is Kind.AZURE and not endpoint:
        endpoint = f"https://{site.account}.blob.core.windows.net"
    return Target(kind=kind, endpoint=endpoint)


def bucket_url(endpoint: str, bucket: str, virtual_hosted: bool) -> str:
    """Return where an S3 bucket answers."""
    if not virtual_hosted:
        return f"{endpoint}/{bucket}"
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{bucket}.{parts.netloc}"


def _refused(message: str) -> Refused:
    return Refused(message, reason="settings")
