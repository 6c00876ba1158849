"""The Merkle tree of RFC 9162 §2.1 over SHA-256. Pure.

``Frontier`` is all that appending needs: one hash for each full subtree, largest first. Proofs are
made from the leaf hashes and checked by anybody who knows two heads.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """A tree as far as appending needs it."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> "Frontier":
        """Return the tree with one more leaf (its hash)."""
        peaks, node, size = list(self.peaks), leaf, self.size
        while size & 1:
            node = node_hash(peaks.pop(), node)
            size >>= 1
        return Frontier(size=self.size + 1, peaks=(*peaks, node))

    def root(self) -> bytes:
        """Return the tree head."""
        if not self.peaks:
            return EMPTY
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the head over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root()


def inclusion(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the path that proves ``leaves[index]`` to be in the tree (§2.1.3.1)."""
    if len(leaves) == 1:
        return ()
    cut = _split(len(leaves))
    left, right = leaves[:cut], leaves[cut:]
    if index < cut:
        return (*inclusion(left, index), root(right))
    return (*inclusion(right, index - cut), root(left))


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes
) -> bool:
    """Return whether the path leads from the leaf to the head (§2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, place, last = leaf, index, size - 1
    for other in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(other, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, other)
        place, last = place >> 1, last >> 1
    return last == 0 and node == head


def consistency(leaves: Sequence[bytes], earlier: int) -> tuple[bytes, ...]:
    """Return the proof that the tree of the first ``earlier`` leaves is a prefix (§2.1.4.1)."""
    if not 0 < earlier < len(leaves):
        return ()
    return _subproof(leaves, earlier, is_whole=True)


def verify_consistency(
    earlier: int, later: int, old_head: bytes, new_head: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the later head contains the earlier one unchanged (§2.1.4.2)."""
    if earlier == later:
        return not proof and old_head == new_head
    if not 0 < earlier < later:
        return earlier == 0 and not proof
    hashes = list(proof)
    if earlier & (earlier - 1) == 0:
        hashes.insert(0, old_head)
    if not hashes:
        return False
    place, last = earlier - 1, later - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, other)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_head and new == new_head


def _subproof(leaves: Sequence[bytes], earlier: int, *, is_whole: bool) -> tuple[bytes, ...]:
    if earlier == len(leaves):
        return () if is_whole else (root(leaves),)
    cut = _split(len(leaves))
    left, right = leaves[:cut], leaves[cut:]
    if earlier <= cut:
        return (*_subproof(left, earlier, is_whole=is_whole), root(right))
    return (*_subproof(right, earlier - cut, is_whole=False), root(left))


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
