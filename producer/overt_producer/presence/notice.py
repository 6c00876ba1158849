"""What a person is told before they decide, and what they decided. Pure.

The text is the same on screen and in a terminal and its hash goes into the consent receipt, so
it can be proved later what was agreed to. Nothing here, and nothing that uses it, takes an answer
from anywhere but a person's act at the display or at the terminal.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The facts a consent is about, in plain words.

    Attributes:
        controller: who captures, as the person knows them.
        applications: what is captured of: names from the policy's allow-list.
        contents: what is captured there, one item each ("keys you press there").
        purposes: what for.
        kept: how long, one sentence.
        choices: how to pause, stop, opt out and erase, one line each.
        policy: the policy's hash or version; shown small.
    """

    controller: str
    applications: tuple[str, ...]
    contents: tuple[str, ...]
    purposes: tuple[str, ...]
    kept: str
    choices: tuple[str, ...]
    policy: str = ""

    @property
    def title(self) -> str:
        """The question."""
        return "May your work on this computer be recorded?"

    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return headings and lines in the order in which they are shown."""
        return (
            ("Who", (f"{self.controller} asks to record input and screen in plain sight.",)),
            ("Where", (f"Only in: {', '.join(self.applications) or 'no application'}.",)),
            ("What", self.contents),
            ("What for", self.purposes),
            ("How long", (self.kept,)),
            ("Your choice", self.choices),
        )

    def text(self) -> str:
        """Return the whole notice as plain text."""
        parts = [self.title, ""]
        for heading, lines in self.sections():
            parts.append(heading)
            parts += [f"  {line}" for line in lines]
        if self.policy:
            parts.append(f"Policy {self.policy}")
        return "\n".join(parts) + "\n"

    def digest(self) -> str:
        """Return the SHA-256 of the text in hex, for the receipt."""
        return hashlib.sha256(self.text().encode()).hexdigest()


class Answer(Enum):
    """What the person said. Silence is not consent."""

    AGREED = "agreed"
    REFUSED = "refused"
    NONE = "no_answer"


class Method(Enum):
    """By which act; part of the receipt."""

    POINTER = "prompt_pointer"
    KEYBOARD = "prompt_keyboard"
    CLOSED = "prompt_closed"
    TIMEOUT = "timeout"
    TERMINAL = "terminal"
    NO_TERMINAL = "no_terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer to one notice.

    Attributes:
        shown_us: Unix microseconds when the notice was on the screen.
        decided_us: Unix microseconds of the answer, or of the end of waiting.
        notice: digest of the notice that was shown.
    """

    answer: Answer
    method: Method
    shown_us: int
    decided_us: int
    notice: str

    @property
    def is_agreed(self) -> bool:
        """Whether capture may begin."""
        return self.answer is Answer.AGREED
