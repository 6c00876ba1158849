"""`overt-sink publish` and `overt-sink index upgrade`, as an operator or a script runs them."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from overt_sinks import settings
from overt_sinks.commands import every
from tests.sinks.index import old
from tests.sinks.index.rows import stored
from tests.sinks.publish import reading
from tests.sinks.publish.desk import ANNA, BERT, DAYS, Desk
from tests.sinks.test_settings import write

_TOML = """
state_dir = "{folder}/state"
[kafka]
bootstrap = "127.0.0.1:1"
ca = "/nowhere/ca.pem"
username = "u"
password_file = "/nowhere/p"
[store]
url = "file://{folder}/store"
hot = "hot"
[index]
url = "sqlite:///{folder}/index/index.db"
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path, _TOML.format(folder=tmp_path))


def test_publish_says_what_it_did_and_where_is_enough_to_read_it(
    config: Path, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/index/index.db")
    desk.add(ANNA, DAYS[0])
    desk.add(BERT, DAYS[1])
    words = ["publish", "--config", str(config), "-o", "json", "--progress"]

    done = CliRunner().invoke(every.app, words)

    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["days"], said["rows"], said["left_out"]) == (2, 6, 0)
    *_, told, event = map(json.loads, done.stderr.splitlines())
    assert told == {"done": 2, "total": 2, "unit": "days", "what": "publish"}
    assert (event["event"], event["days"], event["rows"]) == ("table_published", 2, 6)
    assert reading.keys(tmp_path / "state" / "publish") == desk.expected()
    again = CliRunner().invoke(every.app, ["publish", "--config", str(config)])
    assert again.stdout.startswith("published: 0 days with 0 rows written")
    desk.index.close()


@pytest.mark.parametrize("where", ["s3://bucket/x", "ftp://x", "file:///", "relative"])
def test_a_warehouse_that_is_none_is_one_line(config: Path, where: str) -> None:
    words = ["publish", "--config", str(config), "--warehouse", where]

    done = CliRunner().invoke(every.app, words)

    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("overt-sink: a warehouse is ")


def test_a_catalog_that_is_none_is_one_line_without_its_password(config: Path) -> None:
    words = ["publish", "--config", str(config), "--catalog"]

    for url in ("catalog.db", "postgresql+none://u:hidden@host/db"):
        done = CliRunner().invoke(every.app, [*words, url])

        assert done.exit_code == 2
        assert done.stderr.splitlines()[-1].startswith("overt-sink: a catalog is ")
        assert "hidden" not in done.output


def test_an_old_index_is_upgraded_once(config: Path, tmp_path: Path) -> None:
    settings.load(config)
    (tmp_path / "index").mkdir()
    old.make(f"sqlite:///{tmp_path}/index/index.db", [stored(0, 4)])
    words = ["index", "upgrade", "--config", str(config)]

    first = CliRunner().invoke(every.app, [*words, "-o", "json"])
    second = CliRunner().invoke(every.app, words)

    assert json.loads(first.stdout) == {"from": "0001", "to": "0002"}
    assert second.stdout == "index: at 0002 already\n"
    with sqlite3.connect(tmp_path / "index" / "index.db") as db:
        assert db.execute("SELECT count(*) FROM links").fetchone() == (1,)
    db.close()
