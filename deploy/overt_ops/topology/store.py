"""The object store's side of a topology: which buckets exist, and who may do what in them.

Buckets are asked for and made by URLs that the store's root identity signs (obstore signs, httpx
sends). Rights are read from the identities' file that the store was started with.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from overt_ops.topology import connection
from overt_ops.topology.environment import unheard
from overt_schemas.errors import Permanent, Transient

_MINUTE = timedelta(minutes=1)


def _ask(door: connection.Store, method: str, bucket: str) -> int:
    from obstore import sign
    from obstore.store import S3Store

    with unheard():
        store = S3Store(
            bucket,
            endpoint=door.url,
            region="us-east-1",
            access_key_id=door.access_key_file.read_text(),
            secret_access_key=door.secret_key_file.read_text(),
            client_options={"allow_http": True},
            virtual_hosted_style_request=False,
        )
    url = sign(store, "PUT" if method == "PUT" else "HEAD", "", _MINUTE)
    try:
        answer = httpx.request(method, url, timeout=10, trust_env=False)
    except httpx.HTTPError as exc:
        raise Transient(f"object store: {exc}", reason="store") from exc
    return answer.status_code


def existing(door: connection.Store, buckets: tuple[str, ...]) -> frozenset[str]:
    """Return those of ``buckets`` that exist."""
    return frozenset(b for b in buckets if _ask(door, "HEAD", b) == httpx.codes.OK)


def create(door: connection.Store, bucket: str) -> None:
    """Make a bucket."""
    status = _ask(door, "PUT", bucket)
    if status not in (httpx.codes.OK, httpx.codes.CONFLICT):
        raise Permanent(f"object store answers {status} to making {bucket}", reason="store")


def rights(identities: Path) -> dict[str, Any]:
    """Return each identity's statements, from the file the store was started with."""
    if not identities.exists():
        return {}
    return {
        policy["name"]: json.loads(policy["content"])["Statement"]
        for policy in json.loads(identities.read_text())["policies"]
    }
