"""Ports that are remembered, a disk with room: refused with one line that says what to do."""

import socket
from pathlib import Path

import pytest

from overt_ops.devstack.preflight import LOOPBACK, check_disk, is_free, remembered_ports
from overt_schemas.errors import Permanent

NAMES = ("kafka", "s3", "bao")


def test_chosen_ports_are_remembered(tmp_path: Path) -> None:
    first = remembered_ports(tmp_path / "ports.json", NAMES)

    assert remembered_ports(tmp_path / "ports.json", NAMES) == first
    assert len(set(first.values())) == 3
    assert all(port < 32_768 for port in first.values())


def test_a_remembered_port_that_is_taken_is_one_line_and_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    known = remembered_ports(path, NAMES)
    with socket.create_server((LOOPBACK, known["s3"])):
        with pytest.raises(Permanent) as refusal:
            remembered_ports(path, NAMES)

        anew = remembered_ports(path, NAMES, new=True)

    assert f"port {known['s3']} (s3) is taken" in str(refusal.value)
    assert "stream-ops dev up --new-ports" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert known["s3"] not in anew.values()


def test_a_listening_port_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_too_little_disk_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as refusal:
        check_disk(tmp_path / "not" / "there" / "yet", needed_bytes=2**60)

    assert "GiB free" in str(refusal.value)
    assert "--state DIR" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_enough_disk_is_enough(tmp_path: Path) -> None:
    check_disk(tmp_path, needed_bytes=1)
