"""The promise of the whole: whatever falls, each part stands once, and nothing is overwritten."""

from pathlib import Path

import pytest

from tests.sinks.storm.storm import storm
from tests.sinks.storm.weather import LONG, SHORT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_after_a_storm_each_part_is_read_once_by_the_index_and_no_object_was_overwritten(
    tmp_path: Path,
) -> None:
    outcome = storm(tmp_path, SHORT)

    assert outcome.wrong == []
    assert outcome.figures["kills"] >= SHORT.kills


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    outcome = storm(tmp_path, LONG)

    assert outcome.wrong == []
    assert outcome.figures["kills"] >= LONG.kills
