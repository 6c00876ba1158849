"""Up, status, restart, apply, down: the life of a stack."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from overt_ops.devstack import Process, Running, Stack, control
from overt_ops.topology import changes
from overt_schemas import topics
from overt_schemas.errors import Permanent
from tests.stack.clients import read, scram

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def until(condition: Callable[[], bool], patience_s: float = 60) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_plan_of_what_was_applied_is_empty(stack: Running) -> None:
    done = stack.apply()

    assert (done.changes, done.notes) == ((), ())


def test_an_undeclared_right_is_withdrawn_and_the_reader_cut_off(stack: Running) -> None:
    admin = AdminClient(stack.admin())
    stray = AclBinding(
        ResourceType.TOPIC, topics.PART, ResourcePatternType.LITERAL, "User:mallory", "*",
        AclOperation.READ, AclPermissionType.ALLOW,
    )  # fmt: skip
    for future in admin.create_acls([stray]).values():
        future.result(10)
    assert read(scram(stack, "mallory"), topics.PART) == "ok"

    done = stack.apply()

    assert [type(change) for change in done.changes] == [changes.Withdraw]
    assert read(scram(stack, "mallory"), topics.PART) == "TOPIC_AUTHORIZATION_FAILED"


def test_a_new_subscriber_gets_a_password_and_no_right(stack: Running) -> None:
    settings = stack.add_subscriber("bob")

    assert settings.stat().st_mode & 0o777 == 0o600
    assert read(scram(stack, "bob"), topics.PART) == "TOPIC_AUTHORIZATION_FAILED"
    assert stack.apply().changes == ()


def test_up_on_a_running_stack_changes_nothing(stack: Running) -> None:
    before = {row.name: row.pid for row in stack.status()}

    again = Stack.up(stack.layout.state, services=())

    assert {row.name: row.pid for row in again.status()} == before
    assert again.ports == stack.ports


def test_status_shows_every_process_with_its_memory(stack: Running) -> None:
    rows = {row.name: row for row in stack.status()}

    assert set(rows) >= {*stack.servers, "supervisor"}
    assert {rows[name].state for name in stack.servers} == {"ready"}
    assert all(row.pss_mb > 5 for row in rows.values())
    assert rows[stack.brokers[0]].port == stack.ports["kafka_internal"]


def test_a_killed_server_comes_back(stack: Running) -> None:
    before = {row.name: row for row in stack.status()}["bao"]
    os.kill(before.pid, signal.SIGKILL)

    assert until(lambda: _row(stack, "bao").restarts > before.restarts)
    stack.wait_ready(["bao"])

    assert _row(stack, "bao").pid != before.pid
    assert stack.apply().changes == ()  # its keys and policies outlived it


def _row(stack: Running, name: str) -> Process:
    return next(row for row in stack.status() if row.name == name)


def test_nothing_listens_beyond_loopback(stack: Running) -> None:
    addresses = {
        connection.laddr.ip
        for row in stack.status()
        for connection in psutil.Process(row.pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_no_secret_stands_in_a_command_line_or_environment(stack: Running) -> None:
    secrets = [p.read_text().strip() for p in stack.layout.principals.rglob("*.password")]
    secrets += [p.read_text().strip() for p in stack.layout.principals.rglob("s3.secret")]

    shown = ""
    for row in stack.status():
        process = psutil.Process(row.pid)
        shown += " ".join([*process.cmdline(), *process.environ().values()])

    assert not [secret for secret in secrets if secret in shown]


def test_no_file_of_the_state_is_open_to_others(stack: Running) -> None:
    assert stack.layout.state.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("stage", ["starting kafka, seaweed, bao", "applying topology"])
def test_a_start_that_was_killed_is_finished_by_the_next(tmp_path: Path, stage: str) -> None:
    state = tmp_path / "state"
    cli = str(Path(sys.executable).parent / "stream-ops")
    argv = [cli, "dev", "up", "--servers-only", "--state", str(state)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        assert stage in [line.strip() for line in _until_line(first.stderr, stage)]
        if stage == "starting kafka, seaweed, bao":
            assert until(lambda: Stack.is_running(state))
        first.kill()
    try:
        again = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

        assert again.returncode == 0, again.stderr
        assert "applying topology" in again.stderr
        running = Stack.find(state)
        assert {row.state for row in running.status()} == {"ready"}
        assert running.apply().changes == ()
        third = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert (third.returncode, "already running" in third.stderr) == (0, True)
    finally:
        Stack.down(state)


def _until_line(lines: Iterator[str], wanted: str) -> Iterator[str]:
    for line in lines:
        yield line
        if line.strip() == wanted:
            return


def test_a_whole_life_leaves_no_process_and_takes_its_ports_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = Stack.up(state, services=())
    pids = [row.pid for row in first.status()]
    first.down()
    assert until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10)
    with pytest.raises(Permanent, match="no stack runs"):
        Stack.find(state)

    second = Stack.up(state, services=())
    try:
        assert second.ports == first.ports
        assert second.apply().changes == ()
        # The supervisor dies without a word: the next `up` ends what it left and starts afresh.
        supervisor = second.status()[0].pid
        orphans = [row.pid for row in second.status()[1:]]
        os.kill(supervisor, signal.SIGKILL)
        assert until(lambda: not Stack.is_running(state), 10)
        third = Stack.up(state, services=(), new_ports=True)
        assert not any(psutil.pid_exists(pid) for pid in orphans)
        assert set(third.ports.values()).isdisjoint(first.ports.values())
        assert third.apply().changes == ()
    finally:
        Stack.down(state)
    assert control.orphans(second.layout) == []
