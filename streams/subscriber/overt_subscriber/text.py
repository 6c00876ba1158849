"""What a person typed, as text: key downs of a session by their keysyms. Pure.

Latin-1 keysyms are their characters, keysyms from 0x01000000 carry Unicode; other keys show as one
sign where they change the text and not at all where they do not. Keys under Control, Alt or Super
are commands, not text.
"""

from overt_schemas.columns import Kind
from overt_subscriber.values import Event

_COMMAND = 4 | 8 | 64  # Control, Mod1 (Alt), Mod4 (Super) of an X state mask
_UNICODE = 0x01000000
_SURROGATES = range(0xD800, 0xE000)
_SIGNS = {0xFF0D: "\n", 0xFF8D: "\n", 0xFF09: "\t", 0xFF08: "⌫", 0xFFFF: "⌦", 0xFF80: " "}
_KEYPAD = {0xFFAA + number: sign for number, sign in enumerate("*+,-./0123456789")}
_SILENT = range(0xFE00, 0x10000)  # modifiers, dead keys, cursor and function keys


def typed(event: Event) -> str:
    """Return what an event adds to the text; empty for most."""
    if event.kind is not Kind.KEY_DOWN or event.state & _COMMAND:
        return ""
    return character(event.keysym)


def character(keysym: int) -> str:
    """Return the character of a keysym, a sign for it, or nothing."""
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    if keysym - _UNICODE in _SURROGATES:
        return "\N{REPLACEMENT CHARACTER}"  # half a character: no file or terminal takes it
    if _UNICODE + 0x100 <= keysym <= _UNICODE + 0x10FFFF:
        return chr(keysym - _UNICODE)
    if keysym in _SIGNS or keysym in _KEYPAD:
        return _SIGNS.get(keysym, _KEYPAD.get(keysym, ""))
    return "" if keysym in _SILENT or not keysym else "\N{REPLACEMENT CHARACTER}"
