"""One check of the processors' core, and the test that fails without it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A row: the text that checks, what stands there when it is gone, the test that notices."""

    line: str
    without: str
    test: str
