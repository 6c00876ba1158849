"""Bringing a stack up, finding it again, bringing it down.

Heavy imports happen inside ``up``, as ``running.py`` explains.
"""

import contextlib
import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from overt_ops.devstack import control
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.progress import Progress, Silent
from overt_ops.devstack.running import Running, stop
from overt_ops.devstack.tuning import Tuning
from overt_ops.private import private_dir
from overt_schemas.errors import Permanent

if TYPE_CHECKING:
    from overt_ops.devstack.kafka import Maker

SUBSCRIBERS = ("alice", "mallory")  # one will get a grant, the other never


class Stack:
    """The doors of this package: ``up``, ``find`` and ``down``."""

    @staticmethod
    def up(
        state: Path,
        progress: Progress | None = None,
        *,
        services: Sequence[str] | None = None,
        subscribers: Sequence[str] = SUBSCRIBERS,
        tuning: Tuning | None = None,
        topology: Path | None = None,
        new_ports: bool = False,
        brokers: int | None = None,
        maker: "Maker | None" = None,
    ) -> Running:
        """Start the stack of ``state`` and wait until it is ready.

        ``services`` defaults to all of the product, ``brokers`` (one or three) to as many as the
        stack was made with, else one, ``maker`` to brokers that are processes of this machine. A
        stack that runs is left as it is, but for what it lacks: a start that was killed is finished
        by the next. On a failed start everything that was started is stopped again.

        Raises:
            Permanent: it cannot start (no room, port taken, wrong jar, bad topology ...).
            Transient: something could not be fetched or took too long.
        """
        from overt_ops.devstack import kafka, products
        from overt_ops.devstack.prepare import prepare, remember_subscribers
        from overt_ops.topology import files

        layout = Layout(state=state.resolve())
        report = progress or Silent()
        with _locked(layout):
            wanted = products.ALL if services is None else tuple(services)
            products.check(wanted)
            kafka.remember(layout, brokers)
            if control.supervisor(layout) is not None:
                running = Stack.find(state)
                running.complete(wanted, report, topology)
                return running
            control.stop_orphans(layout)
            layout.applied.unlink(missing_ok=True)
            declared = files.load(topology)
            declared = declared.with_subscribers(
                remember_subscribers(layout, subscribers, declared)
            )
            servers = prepare(
                layout,
                declared,
                tuning or Tuning(),
                report,
                new_ports=new_ports,
                brokers=brokers,
                maker=maker,
            )
            try:
                report.stage(f"starting {', '.join(servers)}")
                running = _launch(layout)
                running.wait_ready(servers)
                running.wait_brokers()
                report.stage("applying topology")
                running.apply(topology)
                if wanted:
                    report.stage(f"starting {', '.join(wanted)}")
                    running.start(wanted)
            except BaseException:
                Stack.down(state)
                raise
            return running

    @staticmethod
    def is_running(state: Path) -> bool:
        """Whether a supervisor runs for ``state``."""
        return control.supervisor(Layout(state=state.resolve())) is not None

    @staticmethod
    def find(state: Path) -> Running:
        """Return the running stack of ``state``.

        Raises:
            Permanent: nothing runs there.
        """
        from overt_ops.devstack.prepare import known_ports

        layout = Layout(state=state.resolve())
        if control.supervisor(layout) is None:
            raise Permanent(
                f"no stack runs in {layout.state}: start it with `stream-ops dev up`",
                reason="not_running",
            )
        return Running(layout=layout, ports=known_ports(layout))

    @staticmethod
    def down(state: Path) -> bool:
        """Stop the stack of ``state``, in order; whether there was anything to stop.

        Raises:
            Transient: something would not end.
        """
        return stop(Layout(state=state.resolve()))


@contextlib.contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """Let one start at a time happen in a state directory; the second waits for the first."""
    private_dir(layout.state)
    private_dir(layout.run)
    with (layout.run / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _launch(layout: Layout) -> Running:
    """Start the supervisor, which starts the servers, and wait until it answers."""
    from overt_ops.devstack.prepare import known_ports

    with layout.log("supervisor").open("ab") as log:
        # The process that is started here forks the supervisor and ends at once.
        subprocess.run(
            [sys.executable, "-m", "overt_ops.devstack.supervise", str(layout.state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
            timeout=30,
            start_new_session=True,
        )
    deadline = time.monotonic() + 30
    while control.supervisor(layout) is None:
        if time.monotonic() > deadline:
            raise Permanent(
                f"the supervisor did not start: read {layout.log('supervisor')}",
                reason="supervisor",
            )
        time.sleep(0.02)
    return Running(layout=layout, ports=known_ports(layout))
