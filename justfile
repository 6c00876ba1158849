# One page of recipes: `uv run just NAME`.

# what CI runs first: format, lint, types, borders
check:
    ruff format --check .
    ruff check .
    mypy schemas/overt_schemas producer/overt_producer streams/*/overt_* deploy/overt_ops tests
    lint-imports
    for room in schemas producer streams/* deploy; do (cd $room && deptry . ) || exit 1; done
    python .ci/lock.py --check

# format and mend what can be mended by a tool
fix:
    ruff format .
    ruff check --fix .

# every promise (`-m long` holds the rest)
test *ARGS:
    pytest {{ARGS}}

# resolve anew, then write overt.lock and the pins in pyproject.toml
lock:
    python .ci/lock.py

# ready time and memory of the whole stack, key press to live reader, as JSON
bench-stack *ARGS:
    python -m tests.bench.stack {{ARGS}}

# refine in its worker beside Faust and plain clients, by CPU; `--short` for CI, `--draw FOLDER` for the docs
bench-streams *ARGS:
    python -m tests.bench.streams {{ARGS}}

# ten thousand hostile records through real workers: what good traffic waits meanwhile
bench-hostile *ARGS:
    python -m tests.bench.hostile {{ARGS}}

# from topic to object beside bare puts, memory, compaction, verify and growth; as `bench-streams`
bench-sinks *ARGS:
    python -m tests.bench.sinks {{ARGS}}

# the short version of every bench
bench: bench-stack (bench-streams "--short") (bench-sinks "--short")

# three sinks on the same partitions and two movers, killed 200 times under a bad line and full disks
chaos-sinks *ARGS:
    python -m tests.bench.sinks_chaos {{ARGS}}

# a storm of kills, zombies and outages on a stack of its own, as JSON; under four minutes
chaos-short *ARGS:
    python -m tests.bench.chaos --short {{ARGS}}

# the same in twelve minutes: over a million events of 50 devices, three brokers
chaos *ARGS:
    python -m tests.bench.chaos {{ARGS}}

# the licence text of Apache-2.0 stands in LICENSE; every wheel names it
wheels:
    uv build --all-packages --wheel
