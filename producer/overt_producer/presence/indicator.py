"""Whether the badge and the border can really be seen, decided on pixels. Pure.

The window system saying that a window is mapped proves nothing: it may lie under another one.
So the screen is looked at. ``badge.py`` says what must be where (patches), the screen source
grabs just those rectangles, ``verify`` compares, and ``Watch`` turns one look after another into
what capture must do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from overt_producer.sources.events import Rect
from overt_schemas.errors import Permanent

# A tooltip or a menu may cover a corner for a moment; a person still sees a badge of which this
# much is left.
BADGE_SHARE = 0.9
# Each side of the border by itself; the badge and a panel's popup may lie over some of it.
BORDER_SHARE = 0.75
# How long a covered badge may take to come back to the top before capture ends. Nothing is
# admitted in the meantime. Raising takes one look, a tenth of a second.
GRACE_MS = 1500


class IndicatorLost(Permanent):
    """The badge is gone: capture must stop, and say so."""

    def __init__(self) -> None:
        super().__init__(
            "the recording badge was taken off the screen: nothing is recorded any more",
            reason="indicator",
        )


class Part(Enum):
    """Which part of the indicator a patch belongs to."""

    BADGE = "badge"
    BORDER = "border"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """Pixels that must be on the screen: height x width x 4, of which BGR count."""

    part: Part
    rect: Rect
    pixels: NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The least share of right pixels over all badges, and over all sides of all borders."""

    badge: float
    border: float

    @property
    def is_visible(self) -> bool:
        """Whether a person in front of the screen can see that they are being recorded."""
        return self.badge >= BADGE_SHARE and self.border >= BORDER_SHARE


def verify(patches: Sequence[Patch], seen: Sequence[NDArray[np.uint8]]) -> Sight:
    """Compare what must be on the screen with what is.

    Args:
        patches: from ``Badge.patches``.
        seen: for each patch the pixels at its rectangle, as ``ScreenSource.look`` gives them.

    Returns:
        Shares of right pixels; 0 for a part that has no patch or another size: no proof, no
        capture.
    """
    shares: dict[Part, list[float]] = {Part.BADGE: [], Part.BORDER: []}
    for patch, pixels in zip(patches, seen, strict=True):
        shares[patch.part].append(_share(patch.pixels, pixels))
    return Sight(
        badge=min(shares[Part.BADGE], default=0.0), border=min(shares[Part.BORDER], default=0.0)
    )


def _share(wanted: NDArray[np.uint8], seen: NDArray[np.uint8]) -> float:
    if wanted.shape != seen.shape or wanted.size == 0:
        return 0.0
    return float((wanted[:, :, :3] == seen[:, :, :3]).all(axis=2).mean())


class Verdict(Enum):
    """What capture must do after a look."""

    VISIBLE = "visible"  # go on
    RAISE = "raise"  # admit nothing, call Badge.raise_(), look again
    LOST = "lost"  # stop capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One look after another.

    Attributes:
        last_ms: monotonic time at which the indicator was last seen, or put up.
    """

    last_ms: int

    def step(self, sight: Sight, now_ms: int) -> tuple["Watch", Verdict]:
        """Return the next watch and what to do. Nothing is admitted but after VISIBLE."""
        if sight.is_visible:
            return Watch(last_ms=now_ms), Verdict.VISIBLE
        if now_ms - self.last_ms > GRACE_MS:
            return self, Verdict.LOST
        return self, Verdict.RAISE
