"""The demo's live reader: `overt-sub tail`, and what it shows as it comes.

It is followed by a thread of its own, so that nothing waits in its pipe: its latency is the time
from the event to the line that shows it, by the one clock of this machine.
"""

import json
import signal
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from overt_ops.demo.endpoint import program
from overt_ops.demo.reading import PURPOSE
from overt_ops.demo.transcript import LATENCY, Transcript
from overt_ops.demo.waiting import until
from overt_schemas.errors import Permanent, Transient

_STOP_S = 15.0


@dataclass(slots=True, kw_only=True)
class LiveReader:
    """Reads from ``with`` to its end; ``transcript`` and ``key_ms`` grow meanwhile.

    Attributes:
        log: a file for what the reader says of itself, which is never content.
        key_ms: of each key press, milliseconds from the press to the line that shows it.
        summary: what the reader counted, once ``finish`` has returned.
    """

    settings: Path
    grant: str
    log: Path
    transcript: Transcript = field(default_factory=Transcript)
    key_ms: list[int] = field(default_factory=list)
    summary: dict[str, object] = field(default_factory=dict)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _child: subprocess.Popen[str] | None = field(init=False, default=None)

    def __enter__(self) -> "LiveReader":
        said = self._stack.enter_context(self.log.open("w"))
        argv = [
            program("overt-sub"), "tail", "--config", str(self.settings), "--grant", self.grant,
            "--purpose", PURPOSE, "-o", "jsonl", "--verbose",
        ]  # fmt: skip
        self._child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True,
            start_new_session=True,
        )  # fmt: skip
        listener = threading.Thread(target=self._listen, name="live-reader", daemon=True)
        listener.start()
        self._stack.callback(listener.join, _STOP_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """End the reader and take its last lines; more than once does nothing."""
        child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._stack.close()

    def wait_open(self, timeout_s: float) -> None:
        """Return once the feed is read: what is captured from now on is shown live.

        Raises:
            Permanent: the reader ended; with the one line it printed.
            Transient: it has no feed in time.
        """

        def is_open() -> bool:
            return self._ended() or "feed_opened" in self.log.read_text(errors="replace")

        if not until(is_open, timeout_s):
            raise Transient("the grant has no feed: stream-ops reconcile --plan", reason="feed")
        self.check()

    def wait_for(self, events: int, timeout_s: float) -> None:
        """Return once so many events were shown, or when the time is over, or the reader."""
        until(lambda: self.transcript.events >= events or self._ended(), timeout_s, 0.02)

    def check(self) -> None:
        """Return if the reader still reads.

        Raises:
            Permanent: it ended; with the one line it printed.
        """
        if self._ended():
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise Permanent(lines[-1] if lines else "overt-sub tail ended", reason="live")

    def _ended(self) -> bool:
        return self._child is None or self._child.poll() is not None

    def _listen(self) -> None:
        if self._child is None or self._child.stdout is None:
            return
        with self._child.stdout as lines:
            for line in lines:
                if not line.endswith("\n"):
                    return  # cut off by a kill
                event = json.loads(line)
                if LATENCY not in event:
                    self.summary = event
                    return  # nothing comes behind it
                self.transcript.add(event)
                if event["kind"] == "key_down":
                    self.key_ms.append(event[LATENCY])
