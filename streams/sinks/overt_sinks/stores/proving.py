"""Opens a bucket and proves it, whatever kind of store it is in. SHELL."""

import secrets

from obstore import store

from overt_sinks.stores.cloud_doors import AzureDoors, GcsDoors
from overt_sinks.stores.doors import FolderDoors, S3Doors
from overt_sinks.stores.probe import Doors, Findings, probe
from overt_sinks.stores.store import Store, open_store
from overt_sinks.stores.target import Keys, Site, target


def proven(
    url: str, bucket: str, keys: Keys | None, second: Keys | None, site: Site, side_door: str = ""
) -> tuple[Store, Findings]:
    """Return a bucket that has passed the start-up probe, and what the probe saw.

    ``second`` is another identity that may put in the bucket's ``probe/``; S3 needs one.

    Raises:
        Refused: it does not pass, with the item as reason; or the settings name no store.
        Transient: it did not answer.
    """
    ours = open_store(url, bucket, keys, site)
    theirs = open_store(url, bucket, second, site) if second is not None else None
    doors = _doors(ours, url, bucket, keys, site, side_door)
    return ours, probe(ours, theirs, doors, secrets.token_hex(8))


def _doors(
    ours: Store, url: str, bucket: str, keys: Keys | None, site: Site, side_door: str
) -> Doors:
    where = target(url, site, has_keys=keys is not None)
    identity = keys or Keys(access="", secret="")
    if where.folder is not None:
        return FolderDoors(where.folder / bucket)
    match ours.backend:
        case store.AzureStore() as backend:
            return AzureDoors(backend, where.endpoint, bucket, identity)
        case store.GCSStore() as backend:
            return GcsDoors(backend, bucket)
        case _:
            return S3Doors(where.endpoint, bucket, identity, side_door, site=site)
