"""A batch costs refine's step little: five times what `just bench-streams` aims at is a fault.

The aim is for the whole worker (1,200,000 events and 4,500 batches a CPU second); the step alone
takes a third of that, so that no busy machine trips over this, and a check that became quadratic or
a context that is made anew for every batch does.
"""

import pytest

from tests.bench.streams_floor import step_over, us_each
from tests.bench.streams_load import WHOLE, Fleet, Second, full, trace
from tests.processors.world import World

_BATCHES = 400
_AIM_US = 1_000_000 / 4500
_SECONDS = trace()[1]


@pytest.mark.parametrize(
    "second", [full, lambda number: _SECONDS[number % len(_SECONDS)]], ids=["full", "trace"]
)
def test_the_step_takes_less_than_five_times_what_the_worker_may(second: Second) -> None:
    fleet = Fleet(world=World())
    fleet.rules()
    fleet.enrol(WHOLE, 10)
    run = step_over(fleet, fleet.seal(WHOLE, 10, _BATCHES, second))
    run()

    assert min(us_each(run, _BATCHES) for _ in range(3)) < 5 * _AIM_US
