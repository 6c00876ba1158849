"""What stands in the buckets and has no place in the index. SHELL.

Everything is listed first and looked up afterwards: what a sink or a mover made meanwhile has its
row by then, and what it took away is no longer there when it is asked for once more.
"""

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

import numpy as np

from overt_schemas.errors import Malformed
from overt_sinks import settings
from overt_sinks.audit import rows
from overt_sinks.index import HOT
from overt_sinks.index.engine import AT_ONCE, Engine
from overt_sinks.naming import parse_object
from overt_sinks.settings import Settings
from overt_sinks.stores.store import Listed, NotFound, Store, open_store

PROBES = "probe/"
COLD = "cold"
Tiers = Mapping[str, Store]


class Standing(Enum):
    """What an object that is not where the index has it may be."""

    PENDING = "at the end of its chain: the next start of a sink adopts it"
    MOVING = "of a move under way: the mover ends it"
    BLOCKED = "an empty object that keeps a cancelled move from coming back"
    STRAY = "nothing says why it stands there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """An object that the index does not have there; ``elsewhere`` is where it has the name."""

    name: str
    tier: str
    size: int
    standing: Standing
    elsewhere: str = ""

    def covers(self) -> dict[str, int]:
        """Return partition and first offset as far as the name tells."""
        try:
            partition, first = parse_object(self.name)
        except Malformed:
            return {}
        return {"partition": partition.number, "first": first, "last": first}


@dataclass(slots=True)
class Names:
    """The names that were listed, as 8 bytes each."""

    kept: "array[int]" = field(default_factory=lambda: array("Q"))
    _ordered: np.ndarray[tuple[int], np.dtype[np.uint64]] | None = None

    def add(self, tier: str, name: str) -> None:
        """Remember a name."""
        self.kept.append(_number(tier, name))
        self._ordered = None

    def holds(self, tier: str, name: str) -> bool:
        """Whether it was listed."""
        if self._ordered is None:
            self._ordered = np.sort(np.frombuffer(self.kept, np.uint64))
        at = int(np.searchsorted(self._ordered, np.uint64(_number(tier, name))))
        return at < len(self._ordered) and int(self._ordered[at]) == _number(tier, name)


def open_tiers(config: Settings) -> dict[str, Store]:
    """Return the buckets that the settings name."""
    store, keys = config.store, settings.store_keys(config.store)
    named = {"hot": store.hot, "warm": store.warm, COLD: store.cold}
    return {tier: open_store(store.url, bucket, keys) for tier, bucket in named.items() if bucket}


def odd(engine: Engine, tiers: Tiers, names: Names | None = None) -> Iterator[Odd]:
    """Yield what stands somewhere and is not there in the index; ``names`` takes all names."""
    for tier, store in tiers.items():
        found = (item for item in store.list("") if not item.name.startswith(PROBES))
        while some := list(islice(found, AT_ONCE)):
            if names is not None:
                for item in some:
                    names.add(tier, item.name)
            yield from _of_page(engine, tier, store, some)


def _of_page(engine: Engine, tier: str, store: Store, page: list[Listed]) -> Iterator[Odd]:
    with engine.transaction(snapshot=True) as db:
        known = rows.places(db, [item.name for item in page])
        left = [i for i in page if i.name not in known or known[i.name].tier != tier]
        if not left:
            return
        ends, moves = rows.ends(db), rows.moves_to(db, [item.name for item in left])
    for item in left:
        place = known.get(item.name)
        states = {move.state for move in moves.get(item.name, ())}
        if states & set(rows.OPEN):
            standing = Standing.MOVING
        elif place is None and rows.CANCELLED in states and not item.size:
            standing = Standing.BLOCKED
        elif place is None and tier == HOT and _is_next(item.name, ends):
            standing = Standing.PENDING
        elif not stands(store, item.name):
            continue  # deleted meanwhile, its row with it
        else:
            standing = Standing.STRAY
        elsewhere = place.tier if place else ""
        yield Odd(name=item.name, tier=tier, size=item.size, standing=standing, elsewhere=elsewhere)


def _is_next(name: str, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether the name is that behind the end of its chain."""
    try:
        partition, first = parse_object(name)
    except Malformed:
        return False
    return first == ends.get((partition.topic_id, partition.number), 0)


def stands(store: Store, name: str) -> bool:
    """Whether there is an object of that name now."""
    try:
        store.head(name)
    except NotFound:
        return False
    return True


def _number(tier: str, name: str) -> int:
    digest = hashlib.blake2b(f"{tier}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
