"""Bytes out of the tiers, with an identity that may get and nothing else.

Only ranges are ever asked for. Ranges of one object that follow each other in a request are fetched
together (obstore joins near ones), at most ``_BUDGET`` bytes at a time.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from overt_authority.grants.index import Run
from overt_schemas.errors import Transient

_BUDGET = 8 * 1_048_576


class Objects:
    """The buckets of all tiers."""

    def __init__(self, tiers: Mapping[str, ObjectStore]) -> None:
        self._tiers = tiers

    @classmethod
    def local(cls, folder: Path, buckets: Mapping[str, str]) -> "Objects":
        """Return buckets that are folders: the twin."""
        return cls({tier: LocalStore(folder / name, mkdir=True) for tier, name in buckets.items()})

    def beginning(self, tier: str, name: str, first: int, size: int) -> bytes:
        """Return some bytes of an object's header; blocks.

        Raises:
            Transient: it is not there, or the store does not answer.
        """
        try:
            return bytes(obstore.get_range(self._tiers[tier], name, start=first, length=size))
        except (BaseError, OSError, KeyError) as exc:
            raise Transient("the store does not answer", reason="store") from exc

    async def stream(self, runs: Sequence[Run]) -> AsyncIterator[bytes]:
        """Yield exactly the bytes of the runs, one after the other.

        Raises:
            Transient: an object is not there or the store does not answer; what was yielded before
                is a whole number of runs.
        """
        for group in _groups(runs):
            store = self._tiers.get(group[0].tier)
            if store is None:
                raise Transient("an object lies in no known tier", reason="store")
            try:
                pieces = await obstore.get_ranges_async(
                    store, group[0].object,
                    starts=[run.byte_from for run in group],
                    lengths=[run.byte_len for run in group],
                )  # fmt: skip
            except (BaseError, OSError) as exc:
                raise Transient("the store does not answer", reason="store") from exc
            for run, piece in zip(group, pieces, strict=True):
                if len(piece) != run.byte_len:
                    raise Transient("an object is shorter than its index", reason="store")
                yield bytes(piece)


def _groups(runs: Iterable[Run]) -> Iterable[list[Run]]:
    group: list[Run] = []
    for run in runs:
        size = sum(one.byte_len for one in group)
        is_same = bool(group) and (group[0].object, group[0].tier) == (run.object, run.tier)
        if group and (not is_same or size + run.byte_len > _BUDGET):
            yield group
            group = []
        group.append(run)
    if group:
        yield group
