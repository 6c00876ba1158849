"""The writers' threads. SHELL.

Threads are daemons on purpose: a store that hangs may hold a call for seconds, and stopping is
bounded; what such a call was doing is settled by the chain after the next start.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from overt_sinks.writer import Job, Outcome


class Crew:
    """Runs jobs in ``count`` threads and hands their outcomes back to the loop."""

    def __init__(self, run: Callable[[Job], Outcome], count: int) -> None:
        self._run = run
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"writer-{n}", daemon=True) for n in range(count)
        ]

    def __enter__(self) -> "Crew":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self._jobs.put(None)

    def submit(self, job: Job) -> None:
        """Have a job done as soon as a thread is free."""
        self._jobs.put(job)

    def outcomes(self, wait_s: float = 0.0) -> list[Outcome]:
        """Return what has finished, after waiting for the first at most ``wait_s``."""
        found: list[Outcome] = []
        try:
            if wait_s:
                found.append(self._outcomes.get(timeout=wait_s))
            while True:
                found.append(self._outcomes.get_nowait())
        except Empty:
            return found

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._outcomes.put(self._run(job))
