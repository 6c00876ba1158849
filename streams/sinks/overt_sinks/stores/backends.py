"""Opens a bucket with obstore, for every kind of store. SHELL.

To be called with the environment unheard: obstore would let it overrule what is said here.
"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from obstore import exceptions, store

from overt_schemas.errors import Refused
from overt_sinks.stores.target import Keys, Kind, Site, Target, bucket_url

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig

Backend = store.S3Store | store.GCSStore | store.AzureStore | store.LocalStore | store.MemoryStore
# One object is at most some MB: an answer that takes longer will not come.
_TIMEOUT = timedelta(seconds=20)
_CONNECT = timedelta(seconds=3)
_GCS = "https://storage.googleapis.com"


def folder(root: Path, bucket: str) -> store.LocalStore:
    """Return a directory's bucket, made (0700) if it is not there."""
    path = root / bucket
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return store.LocalStore(path)


def remote(target: Target, bucket: str, keys: Keys, site: Site) -> Backend:
    """Return a bucket behind HTTP; nothing is asked of it yet.

    Raises:
        Refused: the identity is none that this kind of store has.
    """
    try:
        match target.kind:
            case Kind.S3:
                return _s3(target.endpoint, bucket, keys, site)
            case Kind.GCS:
                return _gcs(target.endpoint or _GCS, bucket, keys)
            case Kind.AZURE:
                return _azure(target.endpoint, bucket, keys, site)
            case Kind.FOLDER:
                raise AssertionError("a folder is no remote store")
    except (exceptions.BaseError, ValueError) as exc:
        # The error's own words may hold the key.
        raise Refused("the store's identity cannot be read", reason="settings") from exc


def _s3(endpoint: str, bucket: str, keys: Keys, site: Site) -> store.S3Store:
    return store.S3Store(
        bucket,
        endpoint=bucket_url(endpoint, bucket, virtual_hosted=True)
        if site.virtual_hosted
        else endpoint,
        access_key_id=keys.access,
        secret_access_key=keys.secret,
        region=site.region,
        virtual_hosted_style_request=site.virtual_hosted,
        checksum_algorithm="SHA256",
        conditional_put="etag",
        # One name a request: of many at once a refusal comes as "generic".
        disable_bulk_delete=True,
        client_options=_client(endpoint),
        retry_config=_RETRY,
    )


def _gcs(endpoint: str, bucket: str, keys: Keys) -> store.GCSStore:
    return store.GCSStore(
        bucket,
        base_url=endpoint,
        service_account_key=keys.secret,
        client_options=_client(endpoint),
        retry_config=_RETRY,
    )


def _azure(endpoint: str, bucket: str, keys: Keys, site: Site) -> store.AzureStore:
    config: AzureConfig = {"account_name": site.account, "endpoint": endpoint}
    # A shared access signature is a query string; an account key is base64.
    if "sig=" in keys.secret:
        config["sas_key"] = keys.secret
    else:
        config["account_key"] = keys.secret
    return store.AzureStore(
        bucket, config=config, client_options=_client(endpoint), retry_config=_RETRY
    )


def _client(endpoint: str) -> "ClientConfig":
    return {
        "allow_http": endpoint.startswith("http://"),
        "timeout": _TIMEOUT,
        "connect_timeout": _CONNECT,
    }


# The chain tries again by itself, with a view to stopping.
_RETRY: "RetryConfig" = {"max_retries": 1, "retry_timeout": _CONNECT}
