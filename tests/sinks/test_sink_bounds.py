"""What the sink costs, held loosely: `just bench-sinks` prints the figures, this fails for a bug.

Held here: five times what was measured on two busy cores (docs/speed.md).
"""

import time
from pathlib import Path

from overt_sinks import container
from overt_sinks.intake import take
from overt_sinks.testing import ScriptedMessage
from tests.bench.sinks_growth import Hoard
from tests.sinks.made import WHERE, Segments

PART_US = 30.0  # taking a part and building its object, CPU
PLAN_MS_PER_RUN = 0.06
VERIFY_S_PER_MILLION = 80.0
STORED = (2_000, 8_000)


def test_a_part_costs_the_sink_little(tmp_path: Path) -> None:
    device = Segments()
    log = [device.part(size=2048) for _ in range(1000)]

    began = time.process_time()
    taken = [take(ScriptedMessage(number=0, at=at, body=value), 0) for at, value in enumerate(log)]
    container.build(WHERE, 0, len(log) - 1, taken)
    spent_us = (time.process_time() - began) * 1e6 / len(log)

    assert spent_us <= 5 * PART_US


def test_plan_and_verify_grow_no_faster_than_what_is_stored(tmp_path: Path) -> None:
    hoard = Hoard.empty(tmp_path / "hoard")
    few, many = STORED

    hoard.grow(few)
    verify_few = hoard.verify_s()
    hoard.grow(many)
    plan_ms, verify_many = hoard.plan_ms(), hoard.verify_s()
    hoard.index.close()

    assert plan_ms <= 5 * PLAN_MS_PER_RUN * many
    assert verify_many <= 5 * VERIFY_S_PER_MILLION * many / 1e6
    assert verify_many <= 5 * many / few * max(verify_few, 0.05)
