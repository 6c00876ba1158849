"""The canary over storage: sealed, it lies in no tier, version, index, table, leftover or log.

Sealed parts and parts that the null sealer left open live one life together, each with a canary of
its own. The second one is also its person's pseudonym and what the careless commands say: it has to
be found in each place where the first is not.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from overt_ops.devstack import Running
from overt_schemas import codec
from overt_schemas.columns import Kind
from overt_schemas.envelope import batch, padding, part
from overt_schemas.testing import empty_input
from tests.sinks.made import Segments
from tests.stack import brokers
from tests.walk.forms import US_KEYCODES, Canary
from tests.walk.scanner import scan
from tests.walk.stored import COLD_DAY, HOT_DAY, WARM_DAY, Life

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SEALED, OPEN = "zebraq739", "quokka417"
CARELESS = Path(__file__).parent / "careless_sink"
NULL_SEALER = Path(__file__).parent / "null_sealer" / "sitecustomize.py"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Servers of its own: every byte of the store is looked at."""
    with brokers.stack(tmp_path / "state", count=1) as up:
        yield up


@contextmanager
def null_sealer() -> Iterator[None]:
    """Leave every seal of this process open, as the double in `null_sealer` does."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (batch, part):
            patch.setattr(module, "AESGCM", vars(module)["AESGCM"])  # so that it comes back
        spec = importlib.util.spec_from_file_location("null_sealer", NULL_SEALER)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        yield


def parts(text: str, person: str) -> dict[str, list[bytes]]:
    """Return parts of three days in which a text was typed."""
    device, days = Segments(person=person, device=person.encode()[:16].ljust(16)), {}
    for day in (COLD_DAY, WARM_DAY, HOT_DAY):
        device.day = day
        device.next_segment()
        days[day] = [device.part(content=typed(text)) for _ in range(20)]
    return days


def typed(text: str) -> bytes:
    """Return a padded batch in which a text was typed."""
    codes = [code for char in text for code in (ord(char),) * 2]
    keys = [code for char in text for code in (US_KEYCODES[char],) * 2]
    count, zeros = len(codes), bytes(len(codes))
    columns = empty_input(
        keysym=b"".join(code.to_bytes(4, "little") for code in codes),
        code=b"".join(key.to_bytes(2, "little") for key in keys),
        kind=bytes([Kind.KEY_DOWN, Kind.KEY_UP]) * (count // 2), dt=zeros * 4, x=zeros * 2,
        y=zeros * 2, state=zeros * 2, flags=zeros, layout=zeros,
    )  # fmt: skip
    return padding.pack(codec.pack(columns))


def places(life: Life) -> Mapping[str, Path]:
    """Return every folder in which content could have ended up."""
    return {
        "hot": life.fetched / "hot", "warm": life.fetched / "warm", "cold": life.fetched / "cold",
        "disk of the store": life.running.layout.state / "seaweed" / "data",
        "index": life.index, "postgres": life.index_in_postgres(), "warehouse": life.warehouse,
        "said": life.said,
    }  # fmt: skip


def test_what_was_typed_lies_nowhere_in_storage(running: Running, tmp_path: Path) -> None:
    sealed = parts(SEALED, "p-0123456789abcdef")
    with null_sealer():
        left_open = parts(OPEN, f"p-{OPEN}")
    both = {day: [*values, *left_open[day]] for day, values in sealed.items()}
    env = {"PYTHONPATH": str(CARELESS), "OVERT_CARELESS": OPEN}
    life = Life(running, tmp_path / "life", f"p-{OPEN}", both, env)
    life.live()

    roots = places(life)
    clean = {name: scan([root], Canary(text=SEALED)) for name, root in roots.items()}
    found = {name: scan([root], Canary(text=OPEN)) for name, root in roots.items()}

    assert {name: report.hits for name, report in clean.items() if report.hits} == {}
    # Each place gives it away where it is careless, so the search of each place is proved.
    assert [name for name, report in found.items() if not report.hits] == []
    for name in ("hot", "warm", "cold", "disk of the store"):
        assert {"keysym", "keycode"} & found[name].forms, name
    where = {name: {str(hit.path) for hit in report.hits} for name, report in found.items()}
    assert any(path.endswith("-wal") for path in where["index"])
    assert any("pg_wal" in path for path in where["postgres"])
    assert any(path.endswith((".parquet", ".avro")) for path in where["warehouse"])
    life.kept.close()
    for suffix in (".out", ".err"):
        said = {str(path) for path in life.said.glob(f"*{suffix}")}
        assert len(said) > 8
        assert said - where["said"] == set()
