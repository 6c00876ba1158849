"""A storm of kills, zombies and outages: what was spooled is read once, in order, or labelled."""

from pathlib import Path

import pytest

from overt_ops.devstack import Running
from tests.walk.chaos import Target, Trial
from tests.walk.storm import SHORT, storm

pytestmark = [pytest.mark.stack, pytest.mark.timeout(420)]


def test_a_storm_behind_the_spool_loses_repeats_and_hides_nothing(
    product: Running, tmp_path: Path
) -> None:
    after = storm(product, tmp_path, SHORT)

    figures = after.figures()
    assert after.wrong == []
    assert figures["lost"] == figures["duplicated"] == figures["out_of_order"] == 0
    assert figures["unlabelled_gaps"] == figures["sessions_differ"] == 0
    # It was a storm: everything was struck and stood once, and left its marks.
    assert set(after.killed) == {target.name.lower() for target in Target}
    assert dict(after.tried) == {trial.value: 1 for trial in Trial}
    assert figures["repeats"] > 0
    assert figures["expired_batches"] > 0
    assert figures["tombstones"] > 0
