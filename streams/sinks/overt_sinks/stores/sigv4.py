"""AWS Signature Version 4 for one PUT with headers of our choice. Pure.

Clients compute checksums rightly; the start-up probe must send a wrong one under a signature that
holds, so that a refusal means the checksum and nothing else.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed_put(
    url: str,
    body: bytes,
    extra: Mapping[str, str],
    keys: tuple[str, str],
    now: datetime,
    region: str = "us-east-1",
) -> dict[str, str]:
    """Return the headers of a signed PUT; ``extra`` names are lower-case, ``now`` is in UTC."""
    access, secret = keys
    parts, stamp = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": payload,
        "x-amz-date": stamp,
        **extra,
    }
    names = sorted(headers)
    listed = ";".join(names)
    canonical = "\n".join(
        (
            "PUT",
            quote(parts.path, safe="/-_.~%"),
            "",
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            listed,
            payload,
        )
    )
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((_ALGORITHM, stamp, scope, digest))
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={access}/{scope}, SignedHeaders={listed}, Signature={signature}"
    )
    return headers
