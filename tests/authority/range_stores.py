"""Real stores with three tiers in which presigned ranges are tried, each by an identity's keys."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.authority import kit, weed
from tests.stores.versitygw import ROOT, s3, versitygw

TIERS = ("hot", "warm", "cold")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealStore:
    """A store, the keys that the authority has there, and how a test puts objects."""

    url: str
    access: str
    secret: str
    put: Callable[[str, str, bytes], object]
    delete: Callable[[str, str], object]

    def settings(self, folder: Path) -> dict[str, str]:
        """The authority's ``[store]`` table."""
        return {
            "url": self.url,
            "access_key_file": str(kit.secret(folder / "s3.access", self.access)),
            "secret_key_file": str(kit.secret(folder / "s3.secret", self.secret)),
        }


@contextmanager
def seaweed_store(folder: Path) -> Iterator[RealStore]:
    """SeaweedFS, as the authority's own identity: it may get and nothing else."""
    with weed.running(folder) as running:
        access, secret = running.keys("authority")
        yield RealStore(
            url=running.url, access=access, secret=secret, put=running.put, delete=running.delete
        )


@contextmanager
def versity_store(folder: Path) -> Iterator[RealStore]:
    """versitygw, as its root: its other identities have no policies to be read-only by."""
    with versitygw(folder) as url:
        client = s3(url)
        for tier in TIERS:
            client.create_bucket(Bucket=tier)
        yield RealStore(
            url=url, access=ROOT.access, secret=ROOT.secret,
            put=lambda tier, name, data: client.put_object(Bucket=tier, Key=name, Body=data),
            delete=lambda tier, name: client.delete_object(Bucket=tier, Key=name),
        )  # fmt: skip
        client.close()


STORES = {"seaweed": seaweed_store, "versitygw": versity_store}
