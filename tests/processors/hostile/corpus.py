"""Ten thousand hostile records from one seed: every kind in its share, in an order of its own."""

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from random import Random

from tests.processors.hostile import bombs, forged, spoilt
from tests.processors.hostile.cast import Cast, Hostile

Kind = Callable[[Random, Cast], Hostile]
SEED = 20261125

# Nobody sealed these: they must end before a byte of theirs is inflated.
UNSEALED: tuple[Kind, ...] = (
    spoilt.flipped, spoilt.truncated, spoilt.inserted, spoilt.noise, spoilt.spliced,
    spoilt.doubled, spoilt.mislabelled, spoilt.misplaced, spoilt.miskeyed, spoilt.empty,
    spoilt.fields_of_another, forged.another_signer, forged.own_period_for_another,
    forged.stranger, forged.revoked, forged.another_wrap, forged.transplanted_header,
    forged.transplanted_period, forged.transplanted_content, forged.forged_tombstone,
    forged.forged_boot_end, forged.elsewhere, bombs.odd_header, bombs.odd_nonce,
)  # fmt: skip
# An enrolled device sealed these.
SEALED: tuple[Kind, ...] = (
    bombs.zstd_true, bombs.zstd_silent, bombs.zstd_lying, bombs.zstd_windowed, bombs.zstd_many,
    bombs.unpadded, bombs.avro_counts, bombs.avro_lengths, bombs.avro_noise, bombs.other_inside,
    bombs.odd_columns, bombs.odd_times, bombs.image_sizes, bombs.image_data, bombs.image_ops,
    bombs.image_chunks, forged.another_person, forged.another_consent, forged.withdrawn,
    forged.paused, forged.beacons, forged.times,
)  # fmt: skip
# Not refused: what they give must be equal, or must be told apart.
REPEATED: tuple[Kind, ...] = (forged.replayed, forged.cloned)
# Dear to make or to carry: one in so many.
HEAVY: tuple[Kind, ...] = (
    spoilt.oversized, bombs.avro_many, bombs.avro_blocks, bombs.image_work
)  # fmt: skip
_HEAVY_EVERY = 100


def corpus(cast: Cast, count: int, seed: int = SEED) -> Iterator[Hostile]:
    """Yield ``count`` records, the kinds in turn; the same seed gives the same choices."""
    chance = Random(seed)  # noqa: S311 - not a secret, on the contrary
    light, heavy = cycle(UNSEALED + SEALED + REPEATED), cycle(HEAVY)
    kinds = (next(heavy if n % _HEAVY_EVERY == 0 else light) for n in range(count))
    for kind in islice(kinds, count):
        yield kind(chance, cast)
