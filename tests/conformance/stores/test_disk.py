"""Where a store's bytes can be found on disk, what was removed is gone from it.

SeaweedFS keeps deleted bytes in its volumes until a vacuum, which is the stack's business.
"""

import pytest

from overt_sinks.stores.store import Store
from tests.stores.places import KEPT, Place

CANARY = b"canary-on-the-disk-e81f6a0d"

pytestmark = pytest.mark.parametrize("place", ["versitygw"], indirect=True)


def _found(place: Place) -> list[str]:
    assert place.disk is not None
    files = (path for path in place.disk.rglob("*") if path.is_file())
    return [path.name for path in files if CANARY in path.read_bytes()]


def test_a_purged_name_and_a_dropped_upload_leave_no_byte_behind(
    place: Place, store: Store, folder: str
) -> None:
    kept, s3 = place.bucket(KEPT), place.s3()
    kept.create(f"{folder}/a", CANARY)
    kept.replace(f"{folder}/a", b"second", kept.head(f"{folder}/a").etag)
    begun = s3.create_multipart_upload(Bucket="hot", Key=f"{folder}/b")["UploadId"]
    s3.upload_part(Bucket="hot", Key=f"{folder}/b", UploadId=begun, PartNumber=1, Body=CANARY)
    assert len(_found(place)) == 2  # the search finds what is there

    kept.purge(f"{folder}/a")
    for upload in store.uploads(folder):
        store.abort(upload)

    assert _found(place) == []
