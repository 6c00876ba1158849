"""Keycodes and keysyms of a US keyboard, for sources that have no X server to ask. Pure."""

from dataclasses import dataclass

# Keycodes of a PC keyboard under X (evdev code plus 8), row by row from a first code.
_ROWS = (
    (10, "1234567890-=", "!@#$%^&*()_+"),
    (24, "qwertyuiop[]", "QWERTYUIOP{}"),
    (38, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (51, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (65, " ", " "),
)
SHIFT_CODE, SHIFT_KEYSYM = 50, 0xFFE1
SHIFT_STATE = 0x01
RETURN, BACKSPACE = 0xFF0D, 0xFF08


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: ``code`` 0 where the keyboard has none for it."""

    code: int
    keysym: int
    is_shifted: bool = False


_NAMED = {
    "enter": Key(code=36, keysym=RETURN),
    "tab": Key(code=23, keysym=0xFF09),
    "backspace": Key(code=22, keysym=BACKSPACE),
    "esc": Key(code=9, keysym=0xFF1B),
    "space": Key(code=65, keysym=0x20),
    "delete": Key(code=119, keysym=0xFFFF),
    "shift": Key(code=SHIFT_CODE, keysym=SHIFT_KEYSYM),
    "shift_r": Key(code=62, keysym=0xFFE2),
    "ctrl": Key(code=37, keysym=0xFFE3),
    "ctrl_r": Key(code=105, keysym=0xFFE4),
    "alt": Key(code=64, keysym=0xFFE9),
    "alt_r": Key(code=108, keysym=0xFFEA),
    "cmd": Key(code=133, keysym=0xFFEB),
    "cmd_r": Key(code=134, keysym=0xFFEC),
    "caps_lock": Key(code=66, keysym=0xFFE5),
    "home": Key(code=110, keysym=0xFF50),
    "left": Key(code=113, keysym=0xFF51),
    "up": Key(code=111, keysym=0xFF52),
    "right": Key(code=114, keysym=0xFF53),
    "down": Key(code=116, keysym=0xFF54),
    "page_up": Key(code=112, keysym=0xFF55),
    "page_down": Key(code=117, keysym=0xFF56),
    "end": Key(code=115, keysym=0xFF57),
}
_TYPED = {"\n": _NAMED["enter"], "\t": _NAMED["tab"]} | {
    character: Key(code=first + index, keysym=ord(character), is_shifted=is_shifted)
    for first, plain, shifted in _ROWS
    for characters, is_shifted in ((shifted, True), (plain, False))
    for index, character in enumerate(characters)
}


def key_for(character: str) -> Key:
    """Return the key that types a character; one the keyboard lacks has code 0."""
    point = ord(character)
    keysym = point if point < 0x100 else 0x01000000 + point
    return _TYPED.get(character, Key(code=0, keysym=keysym))


def key_named(name: str) -> Key:
    """Return a key by pynput's name for it, or by the one character it types."""
    if len(name) == 1:
        return key_for(name)
    return _NAMED.get(name, Key(code=0, keysym=0))
