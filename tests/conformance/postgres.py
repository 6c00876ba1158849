"""A real PostgreSQL: Debian's, in a cluster of its own that ends with this process.

Started once, when the first test asks; each test has a database of its own. The server runs as the
user ``postgres`` where the tests run as root (it refuses to be root), answers on a socket in its
own folder only, with passwords, and with fsync on: what it promises is what is tested.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

_NUMBERS = count(1)
_START_S = 30.0


@dataclass(slots=True)
class Server:
    """A running server; ``process`` is its postmaster."""

    folder: Path
    password: str
    process: subprocess.Popen[bytes]

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """Return an SQLAlchemy URL of a database."""
        word = password or self.password
        return f"postgresql+psycopg://{user}:{word}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a superuser's connection that commits each statement."""
        return psycopg.connect(
            host=str(self.folder), user="postgres", password=self.password, dbname=database,
            autocommit=True,
        )  # fmt: skip

    def database(self) -> str:
        """Make a new, empty database and return its name."""
        name = f"t{next(_NUMBERS)}"
        with self.connect() as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected."""
        with self.connect() as db:
            db.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())

    def stop(self) -> None:
        """End the server and remove its folder."""
        self.process.send_signal(signal.SIGINT)  # fast: sessions are cut, files are whole
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def server() -> Server:
    """Return the server of this process, started by the first call; a test without it fails."""
    bin_dir = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="overt-pg-"))
    password = secrets.token_hex(16)
    try:
        word = folder / "password"
        word.write_text(password)
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (folder, word):
                os.chown(path, user.pw_uid, user.pw_gid)
        _call(
            bin_dir / "initdb", "--no-sync", "--encoding=UTF8", "--locale=C",
            "--auth=scram-sha-256", "--username=postgres", f"--pwfile={word}",
            "--pgdata", str(folder / "data"),
        )  # fmt: skip
        word.unlink()
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [
                *_as_user(), str(bin_dir / "postgres"), "-D", str(folder / "data"),
                "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}",
                "-c", "shared_buffers=32MB", "-c", "max_connections=50",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
        )  # fmt: skip
        log.close()
        running = Server(folder=folder, password=password, process=process)
        _wait(running)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atexit.register(running.stop)
    return running


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A new database, by SQLAlchemy URL; gone with the test."""
    running = server()
    name = running.database()
    yield running.url(name)
    running.drop(name)


def _binaries() -> Path:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    if not found:
        pytest.fail("no PostgreSQL server on this machine: apt-get install postgresql")
    return found[-1].parent


def _as_user() -> list[str]:
    """Return what runs a command as one who may run the server, and ends it with these tests."""
    ends = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return [*ends, "--"]
    return [*ends, "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


def _call(*command: str | Path) -> None:
    words = [*_as_user(), *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, cwd="/", timeout=60)
    if done.returncode:
        pytest.fail(f"{Path(command[0]).name}: {done.stderr.strip()[-500:]}")


def _wait(running: Server) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            running.connect().close()
        except psycopg.OperationalError:
            if running.process.poll() is not None or time.monotonic() > end:
                said = (running.folder / "log").read_text(errors="replace")[-500:]
                pytest.fail(f"PostgreSQL does not start: {said}", pytrace=False)
            time.sleep(0.05)  # polled against the deadline above
        else:
            return
