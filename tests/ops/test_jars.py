"""Jars come whole and right, or not at all; the repository is a local web server here."""

import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_ops.devstack.jars import Jar, fetch, read_lock
from overt_ops.devstack.progress import Silent
from overt_schemas.errors import Permanent, Transient

CONTENT = b"PK" + bytes(range(256)) * 300


class _Repository(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    root = tmp_path / "repository"
    root.mkdir()

    def handler(*args: object) -> _Repository:
        return _Repository(*args, directory=str(root))  # type: ignore[arg-type]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", root
        server.shutdown()
        thread.join()


def a_jar(name: str, content: bytes = CONTENT) -> Jar:
    digest = hashlib.sha256(content).hexdigest()
    return Jar(path=f"org/x/1/{name}", sha256=digest, size=len(content))


def serve(root: Path, jar: Jar, content: bytes) -> None:
    (root / jar.path).parent.mkdir(parents=True, exist_ok=True)
    (root / jar.path).write_bytes(content)


def test_what_is_missing_is_fetched_with_a_fixed_time(
    repository: tuple[str, Path], tmp_path: Path
) -> None:
    base, root = repository
    wanted = [a_jar(f"{n}.jar") for n in range(12)]
    for jar in wanted:
        serve(root, jar, CONTENT)

    paths = fetch(wanted, tmp_path / "jars", Silent(), bases=lambda: [base])

    assert [path.read_bytes() for path in paths] == [CONTENT] * 12
    assert len({path.stat().st_mtime for path in paths}) == 1


@pytest.mark.parametrize(
    "served",
    [
        pytest.param(CONTENT[:-1] + b"!", id="other content"),
        pytest.param(CONTENT[:-1], id="cut short"),
        pytest.param(CONTENT * 9, id="longer"),
    ],
)
def test_a_jar_that_differs_from_the_lock_is_refused_and_removed(
    repository: tuple[str, Path], tmp_path: Path, served: bytes
) -> None:
    base, root = repository
    serve(root, a_jar("evil.jar"), served)

    with pytest.raises(Permanent) as refusal:
        fetch([a_jar("evil.jar")], tmp_path / "jars", Silent(), bases=lambda: [base])

    assert "evil.jar differs from the lock" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert list((tmp_path / "jars").iterdir()) == []


def test_a_jar_changed_on_the_disk_is_fetched_again(
    repository: tuple[str, Path], tmp_path: Path
) -> None:
    base, root = repository
    jar = a_jar("a.jar")
    serve(root, jar, CONTENT)
    (path,) = fetch([jar], tmp_path / "jars", Silent(), bases=lambda: [base])
    path.write_bytes(CONTENT[::-1])

    (path,) = fetch([jar], tmp_path / "jars", Silent(), bases=lambda: [base])

    assert path.read_bytes() == CONTENT


def test_a_second_repository_is_asked_when_the_first_has_nothing(
    repository: tuple[str, Path], tmp_path: Path
) -> None:
    base, root = repository
    serve(root, a_jar("a.jar"), CONTENT)

    (path,) = fetch(
        [a_jar("a.jar")], tmp_path / "jars", Silent(), bases=lambda: [f"{base}/no", base]
    )

    assert path.read_bytes() == CONTENT


def test_a_jar_nobody_serves_is_worth_another_try(
    repository: tuple[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(Transient, match=r"cannot fetch a\.jar"):
        fetch([a_jar("a.jar")], tmp_path / "jars", Silent(), bases=lambda: [repository[0]])


def test_nothing_is_asked_of_a_repository_when_all_is_there(tmp_path: Path) -> None:
    def nobody() -> list[str]:
        raise AssertionError("a repository was looked up")

    (tmp_path / "a.jar").write_bytes(CONTENT)

    assert fetch([a_jar("a.jar")], tmp_path, Silent(), bases=nobody) == (tmp_path / "a.jar",)


def test_a_mirror_of_the_users_comes_before_jgos_default(tmp_path: Path) -> None:
    (tmp_path / ".config").mkdir()
    settings = "[repositories]\ncompany = https://mirror.example/maven/\n"
    (tmp_path / ".config" / "jgo.conf").write_text(settings)
    ask = "from overt_ops.devstack.jars import repositories; print(*repositories())"

    # jgo looks for the home directory when it is imported, so in a process of its own.
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    bases = done.stdout.split()
    assert bases[0] == "https://mirror.example/maven"
    assert len(bases) == 2


def test_the_lock_names_45_jars_and_no_host() -> None:
    lock = read_lock()

    assert len(lock) == 45
    assert all("://" not in jar.path and len(jar.sha256) == 64 for jar in lock)
