import pytest

from overt_subscriber.text import character


@pytest.mark.parametrize(
    ("keysym", "shown"),
    [
        (ord("a"), "a"), (0xE4, "ä"), (0x010020AC, "€"), (0x0101F600, "\U0001f600"),
        (0xFF0D, "\n"), (0xFF09, "\t"), (0xFFB5, "5"), (0xFFE1, ""), (0xFF51, ""), (0xFE51, ""),
        (0, ""), (0x06C1, "\N{REPLACEMENT CHARACTER}"),
    ],
)  # fmt: skip
def test_a_keysym_shows_as(keysym: int, shown: str) -> None:
    assert character(keysym) == shown
