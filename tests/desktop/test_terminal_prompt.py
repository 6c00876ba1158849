"""Where there is no display, agreement is the word yes, typed by a person at a terminal."""

import io
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from overt_producer.presence import Answer, Decision, Method, Notice
from overt_producer.presence.terminal_prompt import ask_at_terminal

NOTICE = Notice(
    controller="Acme Research",
    applications=("Mousepad",),
    contents=("Keys there.",),
    purposes=("Training of agents.",),
    kept="At most 90 days.",
    choices=("Stop: overtd opt-out",),
)


class Terminal:
    """A pseudo terminal: ``person`` is the side that types and reads."""

    def __init__(self) -> None:
        self.person, slave = os.openpty()
        self.stdin: TextIO = os.fdopen(slave, "r", closefd=False)
        self.stdout: TextIO = os.fdopen(slave, "w", closefd=False)
        self.slave = slave

    def read_until(self, text: str) -> str:
        seen = ""
        while text not in seen:
            seen += os.read(self.person, 4096).decode()
        return seen

    def type(self, text: str) -> None:
        os.write(self.person, text.encode())

    def close(self) -> None:
        self.stdin.close()
        self.stdout.close()
        os.close(self.slave)
        os.close(self.person)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    one = Terminal()
    yield one
    one.close()


def answered(terminal: Terminal, line: str) -> tuple[Decision, str]:
    decisions: list[Decision] = []
    thread = threading.Thread(
        target=lambda: decisions.append(
            ask_at_terminal(NOTICE, terminal.stdin, terminal.stdout, timeout_s=5)
        )
    )
    thread.start()
    shown = terminal.read_until("is no: ")
    # What was typed before the question is thrown away; so the answer may have to be typed again.
    while thread.is_alive():
        terminal.type(line)
        thread.join(0.3)
    return decisions[0], shown


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("yes\n", Answer.AGREED),
        ("y\n", Answer.REFUSED),
        ("YES\n", Answer.REFUSED),
        ("yes please\n", Answer.REFUSED),
        ("\n", Answer.REFUSED),
        ("\x04", Answer.REFUSED),
    ],
    ids=["yes", "y", "capitals", "more", "enter", "end of file"],
)
def test_only_the_whole_word_agrees(terminal: Terminal, line: str, answer: Answer) -> None:
    decision, _ = answered(terminal, line)

    assert (decision.answer, decision.method) == (answer, Method.TERMINAL)


def test_the_whole_notice_is_shown_first(terminal: Terminal) -> None:
    decision, shown = answered(terminal, "no\n")

    assert NOTICE.text().splitlines()[-1] in shown
    assert "Acme Research" in shown
    assert decision.notice == NOTICE.digest()


def test_what_was_typed_before_the_question_does_not_answer_it(terminal: Terminal) -> None:
    terminal.type("yes\n")

    decision = ask_at_terminal(NOTICE, terminal.stdin, terminal.stdout, timeout_s=0.2)

    assert (decision.answer, decision.method) == (Answer.NONE, Method.TIMEOUT)


def test_a_pipe_is_nobody(terminal: Terminal) -> None:
    decision = ask_at_terminal(NOTICE, io.StringIO("yes\n"), terminal.stdout)

    assert (decision.answer, decision.method) == (Answer.REFUSED, Method.NO_TERMINAL)


def test_another_text_has_another_digest() -> None:
    other = Notice(
        controller="Acme Research",
        applications=("Mousepad", "Browser"),
        contents=NOTICE.contents,
        purposes=NOTICE.purposes,
        kept=NOTICE.kept,
        choices=NOTICE.choices,
    )

    assert other.digest() != NOTICE.digest()
