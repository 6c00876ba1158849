"""The commands over a folder store: their JSON, their codes, their one line."""

import json
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from overt_sinks.commands import every
from overt_sinks.index import Index
from overt_sinks.naming import Partition
from overt_sinks.stores.store import open_store
from overt_sinks.tiers import wiring
from tests.sinks.erase.test_day import fill
from tests.sinks.made import DAY, TOPIC_ID
from tests.sinks.test_settings import GOOD, write
from tests.sinks.tiers.world import PEOPLE, World

WHERE = Partition(topic="overt.part.v1", topic_id=TOPIC_ID, number=0)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> object:
    # No Kafka here: what it tells is said.
    offsets = {WHERE: 1000, Partition(topic="overt.part.v1", topic_id=TOPIC_ID, number=1): 1000}
    monkeypatch.setattr(wiring, "committed", lambda _config: offsets)
    monkeypatch.setattr(wiring, "stopping", _never)
    yield
    structlog.reset_defaults()


def _never() -> object:
    import threading

    return threading.Event()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    text = GOOD.replace("file:///objects", f"file://{tmp_path / 'objects'}")
    text = text.replace("sqlite:////index.db", f"sqlite:///{tmp_path / 'index.db'}")
    text = text.replace('hot = "hot"', 'hot = "hot"\nwarm = "warm"\ncold = "cold"')
    text += "[tiers]\nafter_s = 0\ngrace_s = 0\nmin_hot_age_s = 0\ncold_after_s = 0\n"
    path = write(tmp_path, text + "[retention]\nframe_days = 1\n")
    world = World(
        index=Index(f"sqlite:///{tmp_path / 'index.db'}"),
        buckets={
            tier: open_store(f"file://{tmp_path / 'objects'}", tier, None)
            for tier in ("hot", "warm", "cold")
        },
    )
    world.index.create()
    fill(world)
    world.index.close()
    return path


def call(config: Path, *words: str) -> Result:
    return CliRunner().invoke(every.app, [*words, "--config", str(config)])


def said(config: Path, *words: str) -> dict[str, object]:
    done = call(config, *words, "-o", "json")
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def _is_over() -> bool:
    from overt_schemas.clock import SystemClock
    from overt_sinks.tiers.naming import day_end_ms

    return SystemClock().wall_us() // 1000 > (day_end_ms(DAY) or 0)


def test_tiers_and_lifecycle_tell_what_stands_and_what_comes(config: Path) -> None:
    shelves, steps = said(config, "tiers")["tiers"], said(config, "lifecycle")["lifecycle"]

    assert shelves[0] | {"oldest_ms": 0} == {  # type: ignore[index]
        "tier": "hot", "day": "", "class": "", "objects": 4, "records": 16,
        "bytes": shelves[0]["bytes"], "oldest_ms": 0,  # type: ignore[index]
    }  # fmt: skip
    assert {(s["what"], s["class"]) for s in steps} == {("pack", "input"), ("pack", "mark")}  # type: ignore[attr-defined]


def test_a_pass_of_the_mover_is_one_command(config: Path) -> None:
    done = said(config, "move", "--once")

    assert done["findings"] == {}
    assert bool(done["moved"]) is _is_over()


def test_a_hold_is_placed_shown_obeyed_and_lifted(config: Path) -> None:
    own = ("--person", PEOPLE[0])
    assert call(config, "hold", "add", *own, "--ticket", "T-7").exit_code == 0

    held = said(config, "hold", "list")["holds"]
    refused = call(config, "erase-day", *own, "--day", DAY)
    lifted = call(config, "hold", "remove", *own)

    assert [(h["person"], h["ticket"]) for h in held] == [(PEOPLE[0], "T-7")]  # type: ignore[attr-defined]
    assert refused.exit_code == 4
    assert refused.stderr.splitlines()[-1].startswith("overt-sink: the person is on legal hold")
    assert lifted.exit_code == 0
    assert call(config, "hold", "remove", *own).exit_code == 1


def test_a_day_is_erased_in_one_command_that_tells_its_time(config: Path) -> None:
    own = ("--person", PEOPLE[0], "--day", DAY)

    done = said(config, "erase-day", *own, "--progress")

    assert done.pop("seconds") is not None
    assert done == {"rewritten": 4, "deleted": 0, "cancelled": 0, "records": 7, "left": 0}
    assert said(config, "erase-day", *own)["rewritten"] == 0


def test_no_command_says_whose_day_it_was_in_its_log(config: Path) -> None:
    call(config, "hold", "add", "--person", PEOPLE[1], "--ticket", "T-7")

    done = call(config, "erase-day", "--person", PEOPLE[0], "--day", DAY)

    assert PEOPLE[0] not in done.output
    assert "day_erased" in done.stderr


def test_nothing_to_restore_and_nothing_to_expire_is_told(config: Path) -> None:
    restored = call(config, "restore", "--person", PEOPLE[0], "--day", DAY)

    named = call(config, "restore", "--object", "person=p/day=x/class=input/1.avro")

    assert restored.exit_code == named.exit_code == 1
    assert "nothing of that stands in cold" in named.stderr
    assert said(config, "retention", "run")["objects"] == 0
    assert said(config, "retention", "plan")["objects"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("restore",),
        ("restore", "--object", "x", "--person", "p", "--day", DAY),
        ("move", "--once", "--watch"),
        ("hold", "add", "--person", "", "--ticket", "T-7"),
        ("hold", "add", "--person", "-", "--ticket", "T-7"),
        ("erase-day", "--person", "-", "--day", DAY),
        ("erase-day", "--person", "p-1", "--day", "yesterday"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_usage(config: Path, words: tuple[str, ...]) -> None:
    done = call(config, *words)

    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("overt-sink: ")
