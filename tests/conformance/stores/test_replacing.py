"""Of many who replace what they saw, one wins: where the store compares and puts in one step."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from overt_sinks.stores.store import Changed, Store
from tests.stores.places import KINDS

ROUNDS, RIVALS = 3, 6


@pytest.mark.parametrize("place", [k for k in KINDS if k != "folder"], indirect=True)
def test_of_many_who_replace_at_once_one_wins(store: Store, folder: str) -> None:
    name = f"{folder}/a"
    store.create(name, b"first")

    def replace(etag: str, body: bytes) -> bytes | None:
        try:
            store.replace(name, body, etag)
        except Changed:
            return None
        return body

    with ThreadPoolExecutor(RIVALS) as rivals:
        for round_ in range(ROUNDS):
            seen = store.head(name).etag
            bodies = [b"%d by %d" % (round_, rival) for rival in range(RIVALS)]
            won = [w for w in rivals.map(replace, [seen] * RIVALS, bodies) if w is not None]

            assert len(won) == 1
            assert store.read(name) == won[0]
