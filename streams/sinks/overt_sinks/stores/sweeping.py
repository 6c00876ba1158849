"""Aborts multipart uploads that were begun and never ended. SHELL.

Nothing here uploads in parts, but what else writes to a bucket may, and die: its parts are people's
bytes under no name, that no listing shows and no erasing by name finds. An upload younger than
``older_ms`` may still be on its way and stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from overt_sinks.stores.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What became of one bucket's half-done uploads."""

    aborted: int = 0
    younger: int = 0


def sweep(
    tiers: Mapping[str, Store],
    now_ms: int,
    older_ms: int,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Swept]:
    """Abort what is older, in every tier; repeatable at any time.

    Raises:
        Refused: the identity may not list or abort uploads.
    """
    found = {tier: list(store.uploads()) for tier, store in tiers.items()}
    total, done = sum(map(len, found.values())), 0
    swept: dict[str, Swept] = {}
    tell(done, total)
    for tier, uploads in found.items():
        old = [upload for upload in uploads if now_ms - upload.begun_ms >= older_ms]
        for upload in old:
            tiers[tier].abort(upload)
            done += 1
            tell(done, total)
        swept[tier] = Swept(aborted=len(old), younger=len(uploads) - len(old))
        done += swept[tier].younger
    tell(total, total)
    return swept
