"""A path with fewer points: what is left out lies within a tolerance of what is kept.

Douglas and Peucker's split at the farthest point, all open stretches at once, level by level: each
level is a few numpy calls over the points that are still open. A path that is not done after
``LEVELS`` keeps the points left, so the time is bounded by the number of points whatever their
shape. What was thinned once is not thinned further: the farthest point of a stretch is still the
farthest when others are gone.
"""

import numpy as np
import numpy.typing as npt

# A second of a hand's path is done in 4 to 8; only a path made to be costly needs more.
LEVELS = 16
Points = npt.NDArray[np.complex128]
Lengths = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def simplify(points: Points, first: Index, last: Index, tolerance: float) -> Mask:
    """Return which points stay.

    Args:
        points: x + iy, in order of time (one array of complex numbers costs half of two of floats).
        first: where each path begins.
        last: its last point; paths do not overlap. Both ends of each stay.
        tolerance: of the distance between a point left out and the stretch it lay on.
    """
    keep = np.zeros(len(points), np.bool_)
    keep[first] = keep[last] = True
    limit = tolerance * tolerance
    for _ in range(LEVELS):
        is_open = last - first > 1
        first, last = first[is_open], last[is_open]
        if not len(first):
            return keep
        owner, inner, starts = _inner(first, last)
        away = _distances(points[inner], points[first], points[last], owner)
        worst = np.maximum.reduceat(away, starts)
        is_far = worst > limit
        # The first of several that are equally far: the same one when this is done again.
        at = np.where(away == worst[owner], inner, len(points))
        split = np.minimum.reduceat(at, starts)[is_far]
        keep[split] = True
        first = np.concatenate((first[is_far], split))
        last = np.concatenate((split, last[is_far]))
    is_open = last - first > 1
    _, inner, _ = _inner(first[is_open], last[is_open])
    keep[inner] = True
    return keep


def _inner(first: Index, last: Index) -> tuple[Index, Index, Index]:
    """Return the points between the ends: whose stretch, which point, where each stretch begins."""
    counts = last - first - 1
    starts = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(first)), counts)
    inner = np.arange(len(owner)) + (first + 1 - starts)[owner]
    return owner, inner, starts


def _distances(inner: Points, begin: Points, end: Points, owner: Index) -> Lengths:
    """Return the squared distance of each point from the stretch that it lies on.

    From the stretch, not from its line: a hand that goes beyond and comes back is not left out.
    """
    along = end - begin
    back = along.conj() / np.maximum(_squared(along), 1.0)
    offset = inner - begin[owner]
    share = (offset * back[owner]).real
    return _squared(offset - np.minimum(np.maximum(share, 0.0), 1.0) * along[owner])


def _squared(values: Points) -> Lengths:
    lengths: Lengths = values.real * values.real + values.imag * values.imag
    return lengths
