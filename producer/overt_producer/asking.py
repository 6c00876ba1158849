"""The consent prompt beside the loop: it may take a minute, and pause and stop must work meanwhile.

One question at a time, in a thread that has the prompt's own display connection and nothing else.
"""

import threading
from dataclasses import dataclass

from overt_producer.desk import Desk, Reply
from overt_producer.presence.notice import Notice
from overt_schemas.errors import OvertError
from overt_schemas.records import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: a policy, by its hash, in the words of ``notice``."""

    name: str
    policy: Policy
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question with its reply, None for silence."""

    question: Question
    reply: Reply | None


class Asking:
    """Asks at one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._thread: threading.Thread | None = None
        self._answered: Answered | None = None
        self._error: OvertError | None = None
        self._is_void = False

    @property
    def is_open(self) -> bool:
        """Whether a prompt is on the screen."""
        return self._thread is not None

    def ask(self, question: Question, now_ms: int) -> None:
        """Put a question up."""

        def run() -> None:
            try:
                reply = self._desk.ask(question.notice, now_ms)
                self._answered = Answered(question=question, reply=reply)
            except OvertError as exc:
                self._error = exc

        if self._desk.is_synthetic:
            run()
            return
        self._thread = threading.Thread(target=run, name="consent-prompt", daemon=True)
        self._thread.start()

    def void(self) -> None:
        """Let the answer to a question that was asked before count for nothing."""
        waits = self._thread is not None or self._answered is not None or self._error is not None
        self._is_void = waits

    def take(self) -> Answered | None:
        """Return an answer once, None while there is none. Raises what the prompt raised."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
        if self._thread is not None:
            return None
        if self._is_void:
            self._answered, self._error, self._is_void = None, None, False
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        answered, self._answered = self._answered, None
        return answered
