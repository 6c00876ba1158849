"""Asks at a terminal where there is no display to ask on.

Agreement is the word "yes", typed in full after the notice was printed: what was typed before is
thrown away, so it cannot be piped in or typed blindly. Where input or output is no terminal there
is no person, and the answer is No.
"""

import os
import select
import sys
import termios
from typing import TextIO

from overt_producer.presence.notice import Answer, Decision, Method, Notice
from overt_schemas.clock import Clock, SystemClock

TIMEOUT_S = 60.0
WORD = "yes"
LINE_LIMIT = 4096


def ask_at_terminal(
    notice: Notice,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    timeout_s: float = TIMEOUT_S,
    clock: Clock | None = None,
) -> Decision:
    """Print a notice and wait for a line.

    Args:
        notice: what is asked.
        stdin: must be a terminal; the process's own by default.
        stdout: must be a terminal; the process's own by default.
        timeout_s: how long to wait; only tests have a reason to change it.
        clock: for the times in the decision.
    """
    source, sink = stdin or sys.stdin, stdout or sys.stdout
    now_us = (clock or SystemClock()).wall_us

    def decided(answer: Answer, method: Method, shown_us: int) -> Decision:
        return Decision(
            answer=answer,
            method=method,
            shown_us=shown_us,
            decided_us=now_us(),
            notice=notice.digest(),
        )

    if not (source.isatty() and sink.isatty()):
        return decided(Answer.REFUSED, Method.NO_TERMINAL, now_us())
    sink.write(f"\n{notice.text()}\nType {WORD} in full to agree; anything else is no: ")
    sink.flush()
    shown_us = now_us()
    termios.tcflush(source.fileno(), termios.TCIFLUSH)
    ready, _, _ = select.select([source.fileno()], [], [], timeout_s)
    if not ready:
        sink.write("\nNo answer: nothing is captured.\n")
        sink.flush()
        return decided(Answer.NONE, Method.TIMEOUT, shown_us)
    # A terminal gives whole lines; read past any buffer that may hold older input.
    line = os.read(source.fileno(), LINE_LIMIT).decode("utf-8", "replace").strip()
    answer = Answer.AGREED if line == WORD else Answer.REFUSED
    return decided(answer, Method.TERMINAL, shown_us)
