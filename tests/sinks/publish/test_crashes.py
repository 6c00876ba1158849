"""A publication that is cut off at any step leaves the table as it was, or as it should be."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile

from overt_schemas.errors import Transient
from overt_sinks.publish.place import Place
from tests.sinks.publish import reading
from tests.sinks.publish.desk import ANNA, BERT, DAYS, Desk


class Crash(BaseException):
    """The process ends here."""


@contextmanager
def cut_off(patch: pytest.MonkeyPatch, left: int) -> Iterator[None]:
    """Let ``left`` steps be done: files made, the commit (asked and answered), files deleted."""

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash

    def counted(inner: Callable[..., Any], *, answer: bool = False) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            count()
            result = inner(*args, **named)
            if answer:
                count()
            return result

        return call

    with patch.context() as at:
        at.setattr(PyArrowFile, "create", counted(PyArrowFile.create))
        at.setattr(SqlCatalog, "commit_table", counted(SqlCatalog.commit_table, answer=True))
        at.setattr(Place, "delete", counted(Place.delete))
        yield


def _published(folder: Path) -> Desk:
    desk = Desk(folder, f"sqlite:///{folder}/index/index.db")
    for person in (ANNA, BERT):
        for day in DAYS[:2]:
            desk.add(person, day)
    desk.publish()
    desk.add(BERT, DAYS[2])
    return desk


def test_a_publication_cut_off_at_any_step_is_ended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, reached, folder = 0, True, tmp_path / "run"
    first = _published(folder)
    before = reading.keys(folder)
    first.erase(ANNA)
    first.index.close()
    folder.rename(tmp_path / "kept")
    while reached:
        shutil.copytree(tmp_path / "kept", folder)
        desk = Desk(folder, f"sqlite:///{folder}/index/index.db")
        with cut_off(monkeypatch, steps):
            try:
                desk.publish()
                reached = False
            except Crash:
                steps += 1

        is_committed = reading.keys(folder) == desk.expected()
        assert is_committed or reading.keys(folder) == before

        desk.publish()
        assert reading.keys(folder) == desk.expected()
        if is_committed:  # what the table lists as needless goes at once
            assert reading.mentions(folder / "warehouse", ANNA) == []
        desk.publish(time.time() + 4000)
        assert reading.mentions(folder / "warehouse", ANNA) == []
        desk.index.close()
        shutil.rmtree(folder)

    assert steps > 15  # manifests, lists, rows, metadata, the commit, and each file that goes


def test_a_catalog_that_is_away_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = _published(tmp_path)
    before = reading.keys(tmp_path)

    def away(*_: object, **_named: object) -> None:
        raise OSError("connection refused")

    with monkeypatch.context() as at:
        at.setattr(PyArrowFile, "create", away)
        with pytest.raises(Transient):
            desk.publish()

    assert reading.keys(tmp_path) == before
    desk.publish()
    assert reading.keys(tmp_path) == desk.expected()
    desk.index.close()


def test_a_publication_overtaken_by_another_fails_whole_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locks exclude it; if they were lost, the catalog still does."""
    desk, inner = _published(tmp_path), SqlCatalog.commit_table
    stranger, overtaken = Desk(tmp_path, f"sqlite:///{tmp_path}/index/index.db"), [False]

    def commit(*args: Any, **named: Any) -> Any:
        if not overtaken[0]:
            overtaken[0] = True
            (tmp_path / "lock").unlink()
            stranger.publish()
        return inner(*args, **named)

    with monkeypatch.context() as at:
        at.setattr(SqlCatalog, "commit_table", commit)
        with pytest.raises(Transient):
            desk.publish()

    assert reading.keys(tmp_path) == desk.expected()
    desk.publish()
    assert reading.keys(tmp_path) == desk.expected()
    desk.index.close()
    stranger.index.close()
