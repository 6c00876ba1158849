"""The tiers' buckets and who may do what in them, as declared. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overt_ops.topology.strict import known_keys, require

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
# A store keeps old versions, delete markers and half-done uploads beside its objects. To see them
# and to remove them are rights of their own: a listing shows none of them.
_ON_OBJECTS = {
    "get": ("s3:GetObject",),
    "put": ("s3:PutObject",),
    "delete": ("s3:DeleteObject",),
    "purge": ("s3:DeleteObjectVersion", "s3:AbortMultipartUpload"),
}
_ON_BUCKETS = {
    "list": ("s3:ListBucket",),
    "versions": ("s3:ListBucketVersions", "s3:ListBucketMultipartUploads"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucketry:
    """Buckets, and for each identity the actions it has in each bucket or in a folder of one."""

    buckets: tuple[str, ...]
    rights: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def identities(self) -> tuple[str, ...]:
        """Everybody with a key of the store."""
        return tuple(self.rights)

    def statements(self, identity: str) -> list[dict[str, object]]:
        """Return an identity's rights as statements of an IAM policy."""
        found: list[dict[str, object]] = []
        for bucket, actions in self.rights[identity].items():
            for table, resource in ((_ON_OBJECTS, f"{bucket}/*"), (_ON_BUCKETS, bucket)):
                words = [word for action in actions for word in table.get(action, ())]
                if words:
                    found.append(
                        {
                            "Effect": "Allow",
                            "Action": words,
                            "Resource": [f"arn:aws:s3:::{resource}"],
                        }
                    )
        return found


def parse_buckets(document: Mapping[str, Any]) -> Bucketry:
    """Return what ``buckets.yaml`` declares.

    Raises:
        Permanent: a bucket, place or action nobody knows.
    """
    known_keys("buckets", document, {"buckets", "rights"})
    buckets = tuple(document["buckets"])
    rights: dict[str, dict[str, tuple[str, ...]]] = {}
    for identity, table in document["rights"].items():
        for place, actions in table.items():
            bucket, slash, folder = place.partition("/")
            known_keys(f"rights of {identity}", {bucket: actions}, set(buckets))
            allowed = {*_ON_OBJECTS} if slash else {*_ON_OBJECTS, *_ON_BUCKETS}
            literal = not slash or _NAME.fullmatch(folder) is not None
            require(literal, f"{place!r} is not a bucket, nor one folder in it")
            unknown = set(actions) - allowed
            require(not unknown, f"unknown actions {sorted(unknown)} of {identity} in {place}")
        rights[identity] = {bucket: tuple(actions) for bucket, actions in table.items()}
    return Bucketry(buckets=buckets, rights=rights)
