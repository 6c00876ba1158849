"""Keycode and modifier state to keysym, under the map in force at the event. Pure.

pynput reads the keyboard map once and ignores the group, so its characters are wrong after a
change of layout. Here the raw keycode and state are kept and the keysym is looked up in the map
of that time; ``layout`` numbers the maps. Where the core protocol does not say (groups 3 and 4),
the keysym is 0: nothing is invented.

A row of the core map holds group 1 level 1, 2, group 2 level 1, 2, then level 3, 4 of group 1 and
of group 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SHIFT, LOCK = 0x01, 0x02
GROUP_BIT = 13
KEYPAD = range(0xFF80, 0xFFBE)
NUM_LOCK, LEVEL3_SHIFT = 0xFF7F, 0xFE03
LATIN1_END, UNICODE = 0x100, 0x01000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keymap:
    """One keyboard map.

    Attributes:
        rows: keysyms by keycode, from ``first`` on.
        level3: mask of the modifier that AltGr holds; ``numlock`` that of Num Lock; 0 for none.
    """

    generation: int
    first: int
    rows: tuple[tuple[int, ...], ...]
    level3: int
    numlock: int

    def keysym(self, code: int, state: int) -> int:
        """Return the keysym of a key in a modifier state, 0 where it has none."""
        index = code - self.first
        if not 0 <= index < len(self.rows):
            return 0
        row = self.rows[index]
        group = (state >> GROUP_BIT) & 3
        if group > 1:
            return 0
        # A key without a second group has its first one in every group.
        if group == 1 and not any(row[2:4]):
            group = 0
        shift = bool(state & SHIFT)
        low, high = _pair(row, group, level3=bool(self.level3 and state & self.level3))
        if high in KEYPAD and self.numlock and state & self.numlock:
            return low if shift else high
        if state & LOCK and _is_cased(low, high):
            # Caps Lock turns letters, and Shift turns them back.
            shift = not shift
        return high if shift else low


def _pair(row: Sequence[int], group: int, *, level3: bool) -> tuple[int, int]:
    """Return the keysyms without and with Shift."""
    start = (4 if level3 else 0) + 2 * group
    pair = row[start : start + 2]
    low = pair[0] if pair else 0
    if not low and level3:
        return _pair(row, group, level3=False)
    high = pair[1] if len(pair) > 1 and pair[1] else low
    return low, high


def _is_cased(low: int, high: int) -> bool:
    lower, upper = keysym_text(low), keysym_text(high)
    return lower != upper and lower.upper() == upper


def keysym_text(keysym: int) -> str:
    """Return the character of a Latin-1 or Unicode keysym, "" for any other."""
    if 0x20 <= keysym < 0x7F or 0xA0 <= keysym < LATIN1_END:
        return chr(keysym)
    if UNICODE + LATIN1_END <= keysym <= UNICODE + 0x10FFFF:
        return chr(keysym - UNICODE)
    return ""


def text_keysym(character: str) -> int:
    """Return the keysym of a character; the inverse of ``keysym_text``."""
    point = ord(character)
    return point if point < LATIN1_END else UNICODE + point


def modifier_mask(modifiers: Sequence[Sequence[int]], keymap: Keymap, keysym: int) -> int:
    """Return the mask of the modifier that a key with this keysym sits on, 0 if none does.

    Args:
        modifiers: keycodes by modifier, as GetModifierMapping gives them.
        keymap: the map to look keysyms up in.
        keysym: of the modifier key, such as Num Lock.
    """
    for index, codes in enumerate(modifiers):
        for code in codes:
            row = code - keymap.first
            if code and 0 <= row < len(keymap.rows) and keysym in keymap.rows[row]:
                return 1 << index
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeymapHistory:
    """The maps of this run and since when each was in force, oldest first."""

    maps: tuple[tuple[int, Keymap], ...]

    def at(self, t_ms: int) -> Keymap:
        """Return the map in force at a time."""
        for since_ms, keymap in reversed(self.maps):
            if since_ms <= t_ms:
                return keymap
        return self.maps[0][1]

    def changed(self, since_ms: int, keymap: Keymap) -> "KeymapHistory":
        """Return the history with one more map; the last few are kept."""
        # Input is delivered within seconds, so older maps have no more readers.
        return KeymapHistory(maps=(*self.maps[-7:], (since_ms, keymap)))

    @property
    def latest(self) -> Keymap:
        """The map in force now."""
        return self.maps[-1][1]
