"""The tree against the definition of RFC 9162, written down again in its plainest form."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from overt_authority.log import merkle

LEAVES = st.lists(st.binary(max_size=8), max_size=70)


def mth(entries: list[bytes]) -> bytes:
    """The Merkle Tree Hash of RFC 9162 §2.1.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def hashes(entries: list[bytes]) -> list[bytes]:
    return [merkle.leaf_hash(entry) for entry in entries]


@given(LEAVES)
def test_appending_gives_the_root_of_the_definition(entries: list[bytes]) -> None:
    frontier = merkle.Frontier()
    for entry in entries:
        frontier = frontier.append(merkle.leaf_hash(entry))

    assert frontier.root() == mth(entries)
    assert frontier.size == len(entries)


@given(LEAVES.filter(bool), st.data())
def test_an_entry_is_proved_in_its_place_and_in_no_other(
    entries: list[bytes], data: st.DataObject
) -> None:
    size = len(entries)
    index = data.draw(st.integers(0, size - 1))
    path, head = merkle.inclusion(hashes(entries), index), mth(entries)

    assert merkle.verify_inclusion(hashes(entries)[index], index, size, path, head)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"another one"), index, size, path, head)
    assert not merkle.verify_inclusion(hashes(entries)[index], index, size, (*path, head), head)
    assert not merkle.verify_inclusion(hashes(entries)[index], size, size, path, head)


@given(LEAVES.filter(bool), st.data())
def test_a_later_log_is_proved_to_hold_an_earlier_one(
    entries: list[bytes], data: st.DataObject
) -> None:
    size = len(entries)
    earlier = data.draw(st.integers(1, size))
    proof = merkle.consistency(hashes(entries), earlier)
    old, new = mth(entries[:earlier]), mth(entries)

    assert merkle.verify_consistency(earlier, size, old, new, proof)


@settings(max_examples=60)
@given(LEAVES.filter(lambda entries: len(entries) > 1), st.data())
def test_a_rewritten_log_is_not_consistent(entries: list[bytes], data: st.DataObject) -> None:
    size = len(entries)
    earlier = data.draw(st.integers(1, size - 1))
    place = data.draw(st.integers(0, earlier - 1))
    rewritten = [*entries[:place], entries[place] + b"!", *entries[place + 1 :]]
    proof = merkle.consistency(hashes(rewritten), earlier)

    assert not merkle.verify_consistency(
        earlier, size, mth(entries[:earlier]), mth(rewritten), proof
    )


def test_known_roots_hold() -> None:
    """Vectors of Certificate Transparency's own tests, so that both sides cannot err alike."""
    leaves = [
        bytes.fromhex(leaf)
        for leaf in (
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        )
    ]  # fmt: skip

    assert merkle.root(hashes(leaves)).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )
    assert merkle.root(hashes(leaves[:3])).hex() == (
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    )
