"""Opens the tiers for reading, for every kind of store that sinks write to. SHELL, obstore.

``http(s)://host[:port]`` and ``s3://`` (AWS, in ``region``): S3; ``gs://``: Google Cloud Storage;
``az://``: Azure Blob Storage, in ``account``; ``file:///folder``: folders of this machine.
``endpoint`` is another address of ``s3://``, ``gs://`` or ``az://``: private, or an emulator's.

Clients fill gaps, and overrule what they were told, from the environment: an address, a token, a
proxy, "do not sign". They read it while they are made, so then there is none of it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from overt_authority.grants.presign import Presigner
from overt_authority.settings import Store
from overt_schemas.errors import Permanent

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig

_GCS = "https://storage.googleapis.com"
_TIMEOUT = timedelta(seconds=20)
# Who asked tries again by itself, and waits for 30 s at most.
_RETRY: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_", "MSI_", "IDENTITY_")
_PROXY = "_PROXY"
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_LOCK = threading.Lock()


def tiers(store: Store) -> dict[str, ObjectStore]:
    """Return the buckets of all tiers; nothing is asked of them yet.

    Raises:
        Permanent: the settings name no store, or an identity that is none.
    """
    opened = _opener(store)
    try:
        with _unheard():
            return {tier: opened(bucket) for tier, bucket in store.buckets.items()}
    except (BaseError, ValueError):
        # Not chained: the error's own words may hold the key.
        raise Permanent("[store]'s identity cannot be read", reason="settings") from None


def signer(store: Store) -> Presigner | None:
    """Return who signs ranges; None where nobody should: no S3, switched off, or in the clear."""
    address = store.ranges_url or _s3_address(store)
    if not store.ranges or _s3_address(store) is None or address is None or store.virtual_hosted:
        return None
    parts = urlsplit(address)
    is_here = parts.scheme == "http" and parts.hostname in _HERE
    # A URL is as good as its bytes: nobody on the way may see one.
    if parts.scheme != "https" and not is_here:
        return None
    return Presigner(address, store.buckets, *_s3_keys(store), region=store.region)


def _opener(store: Store) -> Callable[[str], ObjectStore]:
    scheme = urlsplit(store.url).scheme
    if scheme == "file":
        root = Path(unquote(urlsplit(store.url).path))
        return lambda bucket: _folder(root / bucket)
    if (address := _s3_address(store)) is not None:
        return lambda bucket: _s3(store, address, bucket)
    if scheme == "gs":
        base, key = store.endpoint or _GCS, _credentials(store)
        return lambda bucket: GCSStore(
            bucket,
            base_url=base,
            service_account_key=key,
            client_options=_client(base),
            retry_config=_RETRY,
        )
    if scheme == "az":
        return lambda bucket: _azure(store, bucket)
    known = "http(s)://, s3://, gs://, az:// or file://"
    raise Permanent(f"store.url must begin with {known}", reason="settings")


def _folder(path: Path) -> LocalStore:
    # Whoever comes first makes it, and a sink takes none that others may enter.
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(path)


def _s3_address(store: Store) -> str | None:
    scheme = urlsplit(store.url).scheme
    if scheme in ("http", "https"):
        return store.url.rstrip("/")
    if scheme == "s3":
        return store.endpoint.rstrip("/") or f"https://s3.{store.region}.amazonaws.com"
    return None


def _s3(store: Store, address: str, bucket: str) -> S3Store:
    access, secret = _s3_keys(store)
    parts = urlsplit(address)
    hosted = f"{parts.scheme}://{bucket}.{parts.netloc}"
    return S3Store(
        bucket, endpoint=hosted if store.virtual_hosted else address, region=store.region,
        access_key_id=access, secret_access_key=secret,
        virtual_hosted_style_request=store.virtual_hosted, client_options=_client(address),
        retry_config=_RETRY,
    )  # fmt: skip


def _azure(store: Store, bucket: str) -> AzureStore:
    if not store.account:
        raise Permanent("az:// needs store.account", reason="settings")
    address = store.endpoint or f"https://{store.account}.blob.core.windows.net"
    secret = _credentials(store)
    config: AzureConfig = {"account_name": store.account, "endpoint": address}
    # A shared access signature is a query string; an account key is base64.
    if "sig=" in secret:
        config["sas_key"] = secret
    else:
        config["account_key"] = secret
    return AzureStore(bucket, config=config, client_options=_client(address), retry_config=_RETRY)


def _s3_keys(store: Store) -> tuple[str, str]:
    if store.access_key_file is None or store.secret_key_file is None:
        raise Permanent("[store] needs access_key_file and secret_key_file", reason="settings")
    access, secret = store.access_key_file, store.secret_key_file
    return access.read_text("utf-8").strip(), secret.read_text("utf-8").strip()


def _credentials(store: Store) -> str:
    if store.credentials_file is None:
        raise Permanent("[store] needs credentials_file", reason="settings")
    return store.credentials_file.read_text("utf-8").strip()


def _client(address: str) -> "ClientConfig":
    return {"allow_http": address.startswith("http://"), "timeout": _TIMEOUT}


@contextmanager
def _unheard() -> Iterator[None]:
    with _LOCK:
        hidden = {name: os.environ.pop(name) for name in list(os.environ) if _moves(name)}
        try:
            yield
        finally:
            os.environ.update(hidden)


def _moves(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(_CLOUDS) or upper.endswith(_PROXY)
