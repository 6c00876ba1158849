"""Hostile input through real workers: what good traffic waits meanwhile, as JSON.

`python -m tests.bench.hostile [--records N] [--rate N]`
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from overt_schemas.ids import Stream
from tests.bench.report import emit, say
from tests.processors.hostile import onslaught
from tests.processors.stand import stand, until


def main() -> None:
    """Run one onslaught and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=400.0, help="hostile records a second")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stand(Path(folder)) as site:
        cast = onslaught.prepare(site)
        workers = [site.start(stream) for stream in Stream]
        for worker in workers:
            until(partial(getattr, worker, "is_ready"), 60, f"ready ({worker.log})")
        say(f"{asked.records} hostile records, {asked.rate:.0f} a second")
        outcome = onslaught.attack(site, cast, workers, asked.records, asked.rate)
    for kind, became in outcome.wrong:
        say(f"{kind}: {became}")
    emit("hostile", {name: [value] for name, value in outcome.figures().items()})


if __name__ == "__main__":
    main()
