"""Every store a sink may be given, running, as one kind of value.

``place(kind, folder)`` starts what a kind needs; its identity may do everything in the buckets hot,
warm, cold, and in ``kept``, which keeps versions where the kind can.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import obstore.store

from overt_sinks.stores.store import Store, open_store
from overt_sinks.stores.target import Keys, Site
from tests.authority.weed import running
from tests.stores import azurite, fake_gcs, versitygw

KINDS = ("memory", "folder", "seaweed", "versitygw", "azurite", "fake-gcs")
BUCKETS = ("hot", "warm", "cold")
KEPT = "kept"
PROBER = Keys(access="PROBERPROBER", secret="secret-of-the-second-identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A store that runs.

    Attributes:
        keys: the identity that may do everything; None for memory and a folder.
        second: another one, which may put below ``probe/``.
        eraser: the eraser's, where the store has identities with rights.
        sink: the sink's, likewise.
        storage_class: a word that this kind of store has for a cheaper class.
        disk: where the server keeps its bytes, if they are to be found there.
        opened: how a bucket is opened, if not by the URL.
    """

    kind: str
    url: str
    storage_class: str
    site: Site = field(default_factory=Site)
    keys: Keys | None = None
    second: Keys | None = None
    eraser: Keys | None = None
    sink: Keys | None = None
    disk: Path | None = None
    opened: Callable[[str], Store] | None = None

    def bucket(self, name: str = "hot") -> Store:
        """Open a bucket."""
        if self.opened is not None:
            return self.opened(name)
        return open_store(self.url, name, self.keys, self.site)

    def s3(self) -> Any:
        """Return a boto3 client for what the room's code never does."""
        assert self.keys is not None
        return versitygw.s3(self.url, self.keys)


@contextmanager
def place(kind: str, folder: Path) -> Iterator[Place]:
    """Start a store of that kind in ``folder``."""
    match kind:
        case "memory":
            opened = cache(lambda _name: Store(obstore.store.MemoryStore()))
            yield Place(kind=kind, url="", storage_class="ANY", opened=opened)
        case "folder":
            yield Place(kind=kind, url=f"file://{folder}", storage_class="ANY")
        case "seaweed":
            with running(folder) as weed:
                keys, second, eraser, sink = (
                    Keys(access=access, secret=secret)
                    for access, secret in map(
                        weed.keys, ("store-root", "sink-probe", "eraser", "sink")
                    )
                )
                made = Place(
                    kind=kind, url=weed.url, storage_class="STANDARD_IA", keys=keys, second=second,
                    eraser=eraser, sink=sink,
                )  # fmt: skip
                _keep_versions(made.s3())
                yield made
        case "versitygw":
            with versitygw.versitygw(folder / "gw") as url:
                made = Place(
                    kind=kind, url=url, storage_class="STANDARD_IA", keys=versitygw.ROOT,
                    second=PROBER, eraser=versitygw.ROOT, sink=PROBER, disk=folder / "gw",
                )  # fmt: skip
                for name in BUCKETS:
                    made.s3().create_bucket(Bucket=name)
                _keep_versions(made.s3())
                _let_in(made)
                yield made
        case "azurite":
            with azurite.azurite(folder / "az") as site:
                for name in (*BUCKETS, KEPT):
                    azurite.make_container(site, name)
                yield Place(
                    kind=kind, url="az://", storage_class="Cool", site=site,
                    keys=Keys(access="", secret=azurite.KEY),
                    second=Keys(access="", secret=azurite.signature("cw")),
                )  # fmt: skip
        case "fake-gcs":
            with fake_gcs.fake_gcs(folder / "gcs") as (url, site):
                for name in (*BUCKETS, KEPT):
                    fake_gcs.make_bucket(url, name)
                yield Place(
                    kind=kind, url="gs://", storage_class="NEARLINE", site=site,
                    keys=fake_gcs.service_account(), second=fake_gcs.service_account(),
                )  # fmt: skip
        case _:
            raise ValueError(kind)


def _keep_versions(s3: Any) -> None:
    s3.create_bucket(Bucket=KEPT)
    s3.put_bucket_versioning(Bucket=KEPT, VersioningConfiguration={"Status": "Enabled"})


def _let_in(made: Place) -> None:
    """Give the gateway a second user, who may put below ``probe/`` and nothing else."""
    root = versitygw.ROOT
    subprocess.run(
        [
            versitygw.program(), "admin", "--allow-insecure", "--access", root.access,
            "--secret", root.secret, "--endpoint-url", made.url, "create-user",
            "--access", PROBER.access, "--secret", PROBER.secret, "--role", "user",
        ],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    for name in (*BUCKETS, KEPT):
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": [PROBER.access],
                    "Action": ["s3:PutObject"],
                    "Resource": [f"arn:aws:s3:::{name}/probe/*"],
                }
            ],
        }
        made.s3().put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
