"""Sessions after any crashes, takeovers and repeats are those of a worker that never fell.

The device: activities of both streams, each numbered on, with holes, marks, repeats of
anything that was, boots that end, long silences. (The first input batch of an activity is never
dropped: a boot end tells the frames of an activity that has no input only while the app lives.)
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from overt_processors.core.sessions import state
from overt_processors.core.sessions.reading import Ended, Expired, News
from tests.processors.session_world import (
    DEVICE,
    RULES,
    Log,
    Worker,
    missed,
    plain,
    seen,
    undisturbed,
)

CLOSED = ("complete", "cut", "silent")


class Device:
    """What one device writes, stream by stream; the two streams lag each other at will."""

    def __init__(self) -> None:
        self.boot, self.sent = 0, ([0, 0])
        self.script: tuple[list[News], list[News]] = ([], [])
        self.begun = 0  # activities of this boot
        self.next = [0, 0]

    @property
    def boot_id(self) -> bytes:
        return self.boot.to_bytes(16, "big")

    def activity(
        self, lengths: tuple[int, int], dropped: set[int], lost: set[int], is_killed: bool
    ) -> None:
        """Add an activity to what the streams will write; of a killed one the final is missing."""
        for stream in (0, 1):
            start, length = self.next[stream], lengths[stream]
            for n in range(start, start + length):
                if (n - start) * 2 + stream in lost:
                    continue
                mark = ("f" if n == start else "") + (
                    "l" if n == start + length - 1 and not is_killed else ""
                )
                gone = (n - start) * 2 + stream in dropped and (stream, n) != (0, start)
                self.script[stream].append(
                    missed(n, stream, self.boot_id)
                    if gone
                    else seen(n, stream, self.begun, mark, self.boot_id)
                )
            self.next[stream] += length
        self.begun += 1

    def end_boot(self) -> None:
        """End the boot; the input stream tells."""
        self.script[0].append(Ended(device=DEVICE, boot=self.boot_id))
        self.boot += 1
        self.begun, self.next = 0, [0, 0]


class SessionCrashes(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.log, self.device, self.now_ms = Log(), Device(), 1_000_000
        self.worker, self.zombies = Worker(self.log), list[Worker]()

    # ------------------------------------------------------------------ the world
    @rule(
        lengths=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        dropped=st.sets(st.integers(0, 9), max_size=3),
        lost=st.sets(st.integers(1, 9), max_size=1),
        is_killed=st.booleans(),
        written=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    )
    def an_activity(
        self, lengths: tuple[int, int], dropped: set[int], lost: set[int], is_killed: bool,
        written: tuple[int, int],
    ) -> None:  # fmt: skip
        self.device.activity(lengths, dropped, lost, is_killed)
        if is_killed:
            self.device.end_boot()
        for stream in (0, 1):
            self.parts_come(stream, written[stream], 1)

    @rule(stream=st.integers(0, 1), count=st.integers(1, 6), pace_ms=st.sampled_from([1, 1000]))
    def parts_come(self, stream: int, count: int, pace_ms: int) -> None:
        script, sent = self.device.script[stream], self.device.sent
        for news in script[sent[stream] : sent[stream] + count]:
            self.now_ms += pace_ms
            self.log.parts.append((self.now_ms, news))
        sent[stream] = min(len(script), sent[stream] + count)

    @precondition(lambda self: self.log.parts)
    @rule(data=st.data(), count=st.integers(1, 6))
    def some_come_again(self, data: st.DataObject, count: int) -> None:
        at = data.draw(st.integers(0, len(self.log.parts) - 1))
        for _, news in self.log.parts[at : at + count]:
            self.log.parts.append((self.now_ms, news))

    @rule()
    def raw_records_expire(self) -> None:
        self.log.parts.append((self.now_ms, Expired()))

    @rule(part=st.sampled_from([0.2, 0.6, 1.2]))
    def time_passes(self, part: float) -> None:
        self.now_ms += round(RULES.silent_ms * part)

    # ------------------------------------------------------------------ the app
    @rule(
        count=st.integers(0, 12), ticks=st.booleans(), everything=st.booleans(),
        written=st.integers(0, 4), commits=st.booleans(), more=st.integers(0, 3),
        end=st.sampled_from(["lives", "lives", "is killed", "is taken over and does not know"]),
    )  # fmt: skip
    def it_works(
        self, count: int, ticks: bool, everything: bool, written: int, commits: bool, more: int,
        end: str,
    ) -> None:  # fmt: skip
        """Handle some, take, handle more while they are written, commit or not, fall or not."""
        worker = self.worker
        self._handles(worker, count)
        if ticks:
            worker.tick(self.now_ms)
        worker.take(self.now_ms, everything)
        self._handles(worker, more)
        worker.write(written)
        if commits:
            worker.commit()
        if end != "lives":
            self.worker = Worker(self.log)
        if end == "is taken over and does not know":
            self.zombies = [*self.zombies[-1:], worker]

    @precondition(lambda self: self.zombies)
    @rule(count=st.integers(1, 3), handled=st.integers(0, 3))
    def a_zombie_writes(self, count: int, handled: int) -> None:
        """It may fold and write on, but its commits are refused."""
        zombie = self.zombies[-1]
        self._handles(zombie, handled)
        zombie.take(self.now_ms)
        zombie.write(count)

    def _handles(self, worker: Worker, count: int) -> None:
        for _ in range(count):
            if not worker.is_caught_up:
                worker.handle()

    # ------------------------------------------------------------------ the promise
    @invariant()
    def nothing_is_committed_that_no_record_tells(self) -> None:
        counted = self.log.newest()
        for session in plain(undisturbed(self.log.parts[: self.log.committed], 0).values()):
            key = next(k for k, r in counted.items() if _name(r) == _name(session))
            for stream in session.streams:
                held = next(s for s in counted[key].streams if s.stream == stream.stream)
                assert _numbers(stream) <= _numbers(held)

    @invariant()
    def a_session_is_closed_once(self) -> None:
        """In the order of what they count, records never go from closed back to open."""
        told: dict[object, str] = {}
        for record in sorted(self.log.records, key=state.reach):
            before = told.get(_name(record), "")
            assert not (before in CLOSED and record.state == "open")
            assert not (before == "complete" and record.state != "complete")
            told[_name(record)] = record.state

    def teardown(self) -> None:
        self.worker.drain(self.now_ms)
        expected = undisturbed(self.log.parts, self.now_ms)
        assert plain(self.log.newest().values()) == plain(expected.values())


def _name(record: object) -> object:
    return record.device, record.boot, record.activity  # type: ignore[attr-defined]


def _numbers(stream: object) -> set[int]:
    return {n for run in stream.runs for n in range(run.first, run.last + 1)}  # type: ignore[attr-defined]


TestSessionCrashes = SessionCrashes.TestCase
TestSessionCrashes.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
