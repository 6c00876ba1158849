"""When the reconciler looks, and what its command says where there is nothing to talk to."""

import subprocess
import sys
from pathlib import Path

import pytest

from overt_ops.devstack import certs
from overt_ops.reconcile.plan import Plan
from overt_ops.reconcile.run import Done, Round
from overt_ops.reconcile.settings import load
from overt_schemas.errors import Permanent
from overt_schemas.records import Grant

CLI = Path(sys.executable).parent / "stream-ops"
QUIET = Done(plan=Plan(changes=(), notes=()), failed={})
REFUSED = Done(plan=Plan(changes=(), notes=()), failed={"overt.feed.g.v1": ("Allow", "X")})
GRANT = Grant(
    grant="g", version=1, subscriber="alice", purpose="research", cohort=(), streams=(0,),
    not_before_ms=0, not_after_ms=5_000, approvers=("x", "y"), state="active",
)  # fmt: skip


def test_a_look_is_due_at_once_then_by_news_by_the_clock_and_every_ten_seconds() -> None:
    due, grants = Round(), {"g": GRANT}

    at_first = due.is_due(grants, 0.0, 1_000)
    due.looked(grants, 0.0, 1_000, QUIET)

    assert at_first
    assert not due.is_due(grants, 9.9, 4_999)
    assert due.is_due({"g": GRANT, "h": GRANT}, 0.1, 1_100)
    assert due.is_due(grants, 0.1, 5_000)
    assert due.is_due(grants, 10.0, 1_100)


def test_a_feed_that_is_refused_is_tried_again_and_holds_up_no_news() -> None:
    due, grants = Round(), {"g": GRANT}

    due.looked(grants, 0.0, 1_000, REFUSED)

    assert due.is_due(grants, 0.2, 1_200)
    assert due.is_due({}, 0.0, 1_000)


def test_while_the_brokers_are_away_looks_come_ever_later_up_to_five_seconds() -> None:
    due = Round()

    waits = [due.failed(0.0) for _ in range(12)]

    assert max(waits) <= 5.0
    assert min(waits[5:]) >= 2.5
    assert not due.is_due({"g": GRANT}, 0.0, 1_000)


def run(state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(CLI), "reconcile", *words], capture_output=True, text=True, check=False, timeout=30,
        env={"PATH": "/usr/bin:/bin", "OVERT_STATE": str(state), "HOME": str(state)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("", 1, "stream-ops dev up"),
        ("--once --plan", 2, "say one of them"),
        ("--config none.toml", 1, "none.toml"),
    ],
)
def test_each_mistake_is_one_line_with_what_to_do(
    tmp_path: Path, words: str, code: int, says: str
) -> None:
    done = run(tmp_path, *words.split())

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert says in done.stderr


def settings(folder: Path, *, root: str = "ab" * 32, mode: int = 0o600) -> Path:
    certs.ensure_issuer(folder, "service")
    (folder / "p").write_text("secret")
    (folder / "root.pub").write_text(root)
    path = folder / "settings.toml"
    path.write_text(
        f'state_dir = "{folder}"\n[kafka]\nbootstrap = "127.0.0.1:1"\n'
        f'ca = "{folder / "service.crt"}"\n'
        f'username = "reconcile"\npassword_file = "{folder / "p"}"\n'
        f'[authority]\nroot_key = "{folder / "root.pub"}"\n'
    )
    path.chmod(mode)
    return path


def test_settings_say_whom_to_believe_and_where_ready_stands(tmp_path: Path) -> None:
    found = load(settings(tmp_path))

    assert (found.root, found.ready) == (b"\xab" * 32, tmp_path / "ready")
    assert found.door.username == "reconcile"


@pytest.mark.parametrize(
    ("parts", "says"), [({"mode": 0o644}, "chmod 600"), ({"root": "ab"}, "root key")]
)
def test_settings_that_cannot_be_trusted_are_refused(
    tmp_path: Path, parts: dict[str, str], says: str
) -> None:
    with pytest.raises(Permanent, match=says):
        load(settings(tmp_path, **parts))  # type: ignore[arg-type]
