"""What Prometheus may see: numbers by bounded words, and nobody's name."""

import ast
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from overt_processors import metrics, telemetry
from overt_processors.core.sessions.entry import COMPLETE, CUT, OPEN, SILENT
from overt_processors.latency import Histogram
from overt_processors.metrics import Board, Families, serve
from overt_processors.progress import Standing, step
from overt_schemas.columns import THINNED
from overt_schemas.errors import Permanent
from overt_schemas.ids import new_id

ROOMS = Path(__file__).parents[2]
ALLOWED = {"app", "kind", "reason", "flag", "rule", "trouble", "way", "partition", "le"}


@pytest.fixture(autouse=True)
def board() -> Iterator[Board]:
    telemetry.counts.clear()
    yield Board(app="refine-input")
    telemetry.counts.clear()


def samples(board: Board) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(board, now_s=lambda: 1000.0, elapsed_s=lambda: 50.0))
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            assert set(sample.labels) <= ALLOWED
            labels = [v for k, v in sorted(sample.labels.items()) if k != "app"]
            found[(sample.name, *labels)] = sample.value
    return found


def test_outcomes_flags_and_what_was_thinned_are_counted_by_their_words(board: Board) -> None:
    telemetry.outcome("part")
    telemetry.outcome("part")
    telemetry.outcome("marker", "tombstone")
    telemetry.flagged(("gap",))
    telemetry.thinned("thinned_hover", 7)
    telemetry.taken(100)
    telemetry.produced(130)

    found = samples(board)

    assert found["overt_outcomes_total", "part", ""] == 2
    assert found["overt_outcomes_total", "marker", "tombstone"] == 1
    assert found["overt_flags_total", "gap"] == 1
    assert found["overt_thinned_total", "thinned_hover"] == 7
    assert (found["overt_bytes_total", "in"], found["overt_bytes_total", "out"]) == (100, 130)


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), max_size=20))
def test_no_word_from_outside_ever_becomes_a_label(words: list[tuple[str, str]]) -> None:
    telemetry.counts.clear()
    for kind, reason in words:
        telemetry.counts[(kind, reason)] += 1

    known = (
        metrics.KINDS
        | metrics.REASONS
        | frozenset().union(*metrics.WORDS.values())
        | metrics.FLAGS
        | metrics.TROUBLES
    )
    known |= THINNED | {metrics.OTHER, "in", "out", "", "+Inf"}
    labels = {label for name in samples(Board(app="a")) for label in name[1:]}
    assert {label for label in labels if not _is_number(label)} <= known


def test_a_device_or_a_person_is_never_a_label(board: Board) -> None:
    device, person = new_id().hex(), "p-0123456789abcdef"
    telemetry.counts[("part", device)] += 1
    telemetry.counts[(person, device)] += 1
    telemetry.counts[("flag", person)] += 1
    telemetry.counts[("library", device)] += 1

    text = str(samples(board))

    assert device not in text
    assert person not in text


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9.]+", text) is not None


def _words(folder: str, call: str) -> set[str]:
    """Return the literal words given to a call (or keyword) in the sources below a folder."""
    found = set()
    for path in (ROOMS / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found |= {
                    k.value.value
                    for k in node.keywords
                    if k.arg == call
                    and isinstance(k.value, ast.Constant)
                    and isinstance(k.value.value, str)
                }
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                if name == call and node.args and isinstance(node.args[0], ast.Constant):
                    found.add(str(node.args[0].value))
    return found


def test_every_reason_and_kind_that_the_code_gives_has_its_own_label() -> None:
    processors = "streams/processors/overt_processors"

    assert _words(f"{processors}/core", "reason") <= metrics.REASONS
    assert (
        _words("schemas/overt_schemas/envelope", "reason") - {"commitment", ""} <= metrics.REASONS
    )
    assert _words(f"{processors}/agents", "outcome") <= metrics.KINDS


@pytest.mark.parametrize("state", [OPEN, COMPLETE, CUT, SILENT])
def test_a_session_is_counted_by_how_it_ends(board: Board, state: str) -> None:
    telemetry.outcome("session", state)

    assert samples(board)["overt_outcomes_total", "session", state] == 1


def test_whatever_is_counted_is_shown_under_a_name_of_its_own() -> None:
    text = (ROOMS / "streams/processors/overt_processors/telemetry.py").read_text()
    counted = set(re.findall(r'counts\[\("(\w+)"', text))
    # Counted by the supervisor before a start, which serves no metrics: it is logged.
    counted -= {"raw_expired"}

    assert counted <= metrics.KINDS | metrics.TROUBLES | {"flag", "thinned", "in", "out"}


def test_a_partition_stalls_while_there_is_lag_and_nothing_is_committed() -> None:
    at = step({}, {0: (5, 9), 1: (5, 5), 2: (5, 9), 3: (None, None)}, 10.0)
    at = step(at, {0: (5, 12), 1: (5, 9), 2: (6, 9), 3: (5, None)}, 20.0)
    at = step(at, {0: (5, 12), 1: (5, 9), 2: (9, 9)}, 30.0)

    assert {p: (s.lag, s.stalled_s(31.0)) for p, s in at.items()} == {
        0: (7, 21.0), 1: (4, 11.0), 2: (0, 0.0),
    }  # fmt: skip


def test_partitions_and_the_registries_age_are_shown(board: Board) -> None:
    telemetry.registry_record(990_000)
    board.partitions = {2: Standing(committed=7, end=10, since_s=40.0)}

    found = samples(board)

    assert found["overt_committed_offset", "2"] == 7
    assert found["overt_lag", "2"] == 3
    assert found["overt_stalled_seconds", "2"] == 10.0
    assert found[("overt_registry_age_seconds",)] == 10.0


@given(st.lists(st.floats(-1, 1e5)))
def test_the_histogram_holds_every_record_once(seconds: list[float]) -> None:
    histogram = Histogram()

    for value in seconds:
        histogram.observe(value)

    rows, _ = histogram.cumulative()
    numbers = [number for _, number in rows]
    assert numbers == sorted(numbers)
    assert rows[-1] == ("+Inf", len(seconds))


def test_what_is_served_stands_at_the_address_that_was_told(tmp_path: Path, board: Board) -> None:
    told = tmp_path / "metrics"

    with serve("127.0.0.1:0", told, board):
        url = told.read_text().strip()
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (our own)
            text = answer.read().decode()

    assert "overt_in_flight" in text
    assert told.exists() is False


def test_a_port_that_is_taken_is_a_mistake_in_the_settings(tmp_path: Path, board: Board) -> None:
    with serve("127.0.0.1:0", tmp_path / "one", board) as url:
        taken = url.removeprefix("http://").removesuffix("/metrics")
        with (
            pytest.raises(Permanent, match=r"metrics\.listen"),
            serve(taken, tmp_path / "two", board),
        ):
            pass


def test_without_an_address_nothing_listens(tmp_path: Path, board: Board) -> None:
    with serve("", tmp_path / "metrics", board) as url:
        assert url == ""

    assert list(tmp_path.iterdir()) == []
