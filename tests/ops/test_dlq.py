"""Dead letters: whose verdict counts, what is chosen, what is said, and what is never shown."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_ops.dlq import facts, spans
from overt_ops.dlq.choose import choose
from overt_ops.dlq.letters import DISCARDED, REDRIVEN, Book, Filter, Place, counts
from overt_ops.dlq.reasons import REASONS, Helps, explain
from overt_schemas import codec
from overt_schemas.envelope.marks import WITHHELD_REASONS
from overt_schemas.errors import Permanent
from overt_schemas.ids import new_id
from overt_schemas.records import DeadLetter, Verdict
from overt_schemas.testing import ScriptedDevice, empty_input
from overt_schemas.topics import AUDIT, INPUT, PART

ROOT = Path(__file__).parents[2]
LETTER = DeadLetter(
    topic=INPUT, partition=1, offset=9, key=bytes(16), value=b"sealed", reason="unknown_device",
    at_ms=5, processor="sign-1",
)  # fmt: skip
SOURCES = frozenset({INPUT, PART})


def verdict(place: Place, what: str = REDRIVEN) -> Verdict:
    return Verdict(
        partition=place.partition, offset=place.offset, verdict=what, actor="redrive", at_ms=6,
        topic=INPUT, to_offset=77,
    )  # fmt: skip


def book(*letters: DeadLetter) -> Book:
    made = Book()
    for offset, letter in enumerate(letters):
        made.take(Place(partition=0, offset=offset), 1000 + offset, letter)
    return made


def places(entries: object) -> list[str]:
    return [str(entry.place) for entry in entries]  # type: ignore[attr-defined]


def test_a_letter_with_a_verdict_is_left_alone() -> None:
    made = book(LETTER, replace(LETTER, offset=10))
    made.take(Place(partition=0, offset=9), 2000, verdict(Place(partition=0, offset=0)))

    choice = choose(made.entries(), Filter(), sources=SOURCES, force=False)

    assert (places(choice.act), places(choice.decided)) == (["0:1"], ["0:0"])


def test_a_copy_of_a_letter_is_redriven_once_and_decided_with_it() -> None:
    made = book(LETTER, LETTER)
    once = choose(made.entries(), Filter(), sources=SOURCES, force=False)

    made.take(Place(partition=0, offset=9), 2000, verdict(Place(partition=0, offset=0)))
    again = choose(made.entries(), Filter(), sources=SOURCES, force=False)

    assert places(once.act) == ["0:0"]
    assert (places(again.act), places(again.decided)) == ([], ["0:0", "0:1"])


def test_the_same_offset_with_other_bytes_is_no_copy() -> None:
    made = book(LETTER, replace(LETTER, value=b"of a topic made anew"))

    choice = choose(made.entries(), Filter(), sources=SOURCES, force=False)

    assert places(choice.act) == ["0:0", "0:1"]


def test_the_first_verdict_stands() -> None:
    made, at = book(LETTER), Place(partition=0, offset=0)

    made.take(Place(partition=0, offset=5), 2000, verdict(at))
    made.take(Place(partition=0, offset=6), 2001, verdict(at, DISCARDED))

    assert made.entries()[0].state == REDRIVEN


def test_what_a_redrive_cannot_help_needs_force_and_discarding_needs_none() -> None:
    entries = book(replace(LETTER, reason="signature")).entries()

    plain = choose(entries, Filter(), sources=SOURCES, force=False)
    forced = choose(entries, Filter(), sources=SOURCES, force=True)
    discarded = choose(entries, Filter(), sources=frozenset(), force=False)

    assert (places(plain.act), places(plain.pointless)) == ([], ["0:0"])
    assert places(forced.act) == ["0:0"]
    assert places(discarded.act) == ["0:0"]


def test_a_letter_that_names_another_topic_is_never_written_there() -> None:
    entries = book(replace(LETTER, topic=AUDIT)).entries()

    choice = choose(entries, Filter(), sources=SOURCES, force=True)

    assert (places(choice.act), places(choice.foreign)) == ([], ["0:0"])


def test_a_place_where_no_letter_stands_is_named() -> None:
    meant = Filter(places=frozenset({Place(partition=3, offset=4)}))

    with pytest.raises(Permanent, match="3:4"):
        choose(book(LETTER).entries(), meant, sources=SOURCES, force=False)


@pytest.mark.parametrize("text", ["", "1", "a:b", "1:", ":1", "-1:2", "1:2:3", "1:²", "9" * 50])
def test_a_place_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(Permanent, match="PARTITION:OFFSET"):
        Place.parse(text)


def test_filters_hold_together_and_counts_tell_what_is_undecided() -> None:
    made = book(LETTER, replace(LETTER, reason="tag", offset=1), replace(LETTER, offset=2))
    made.take(Place(partition=0, offset=9), 2000, verdict(Place(partition=0, offset=0)))
    entries = made.entries()

    def held(meant: Filter) -> list[str]:
        return places(entry for entry in entries if meant.holds(entry))

    assert held(Filter(reasons=frozenset({"tag"}))) == ["0:1"]
    assert held(Filter(since_ms=1001)) == ["0:1", "0:2"]
    assert held(Filter(topic=PART)) == []
    assert held(Filter(state="none", reasons=frozenset({"unknown_device"}))) == ["0:2"]
    assert counts(entries)["unknown_device"] == {"letters": 2, "undecided": 1}


def test_every_letter_is_chosen_into_one_heap() -> None:
    @given(st.lists(st.tuples(
        st.sampled_from([INPUT, PART, AUDIT]), st.sampled_from([*REASONS, "new"]),
        st.booleans(), st.integers(0, 5),
    ), max_size=12), st.booleans())  # fmt: skip
    def check(rows: list[tuple[str, str, bool, int]], force: bool) -> None:
        made = book(
            *(replace(LETTER, topic=t, reason=r, offset=o, value=r.encode()) for t, r, _, o in rows)
        )
        for offset, row in enumerate(rows):
            if row[2]:
                place = Place(partition=0, offset=100 + offset)
                made.take(place, 3000, verdict(Place(partition=0, offset=offset)))
        entries = made.entries()

        choice = choose(entries, Filter(), sources=SOURCES, force=force)

        heaps = [*choice.act, *choice.decided]
        rest = {e.source for e in (*choice.pointless, *choice.foreign)}
        sources = {e.source for e in heaps} | rest
        assert sources == {e.source for e in entries}
        assert len({e.source for e in choice.act}) == len(choice.act)
        assert not any(e.verdict for e in choice.act)
        assert all(e.topic in SOURCES for e in choice.act)

    check()


# ---- what a code means


def _reasons(folder: str) -> set[str]:
    """Return the codes that errors below a folder carry; "" stands for a default."""
    found = set()
    for path in (
        sorted((ROOT / folder).rglob("*.py")) if (ROOT / folder).is_dir() else [ROOT / folder]
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "reason":
                for inner in ast.walk(node.value):
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                        found.add(inner.value)
    return found - {""}


# Where a record is judged: what these raise, or assign, may end in a letter.
JUDGES = (
    "streams/processors/overt_processors/core",
    "streams/sinks/overt_sinks/placing.py",
    "schemas/overt_schemas/envelope",
    "schemas/overt_schemas/codec.py",
    "schemas/overt_schemas/catalogue.py",
    "schemas/overt_schemas/columns.py",
    "schemas/overt_schemas/signing.py",
    "schemas/overt_schemas/hpke.py",
    "schemas/overt_schemas/ids.py",
    "schemas/overt_schemas/feed.py",
)


@pytest.mark.parametrize("folder", JUDGES)
def test_every_code_that_a_judge_gives_is_explained(folder: str) -> None:
    assert _reasons(folder) <= set(REASONS)


def test_the_defaults_of_errors_and_what_sinks_add_are_explained() -> None:
    assert {"malformed", "untrusted", "oversize", *WITHHELD_REASONS} <= set(REASONS)


def test_what_says_that_it_is_unknown_can_be_redriven_later() -> None:
    unknown = {code for code in REASONS if code.startswith("unknown_")} - {"unknown_schema"}

    assert {explain(code).helps for code in unknown} == {Helps.LATER}
    assert {explain(code).helps for code in WITHHELD_REASONS} == {Helps.CHANGED}


def test_a_code_of_another_version_is_not_refused() -> None:
    assert explain("of_tomorrow").helps is not Helps.NEVER


# ---- what is shown


def test_a_letters_clear_header_is_shown_and_nothing_sealed() -> None:
    device = ScriptedDevice(device=new_id())
    sealed = device.seal(device.period(0, 1_764_000_000_000_000), empty_input())
    letter = replace(LETTER, key=device.device, value=codec.encode(sealed.record))

    shown = json.dumps({**facts.clear(letter), **facts.hashes(letter)})

    assert json.loads(shown)["record"] == "SealedBatch"
    assert json.loads(shown)["device"] == device.device.hex()
    assert sealed.record.ciphertext.hex()[:32] not in shown
    assert device.person not in shown


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_showing_them_does_not_fail(value: bytes) -> None:
    for number in (0, 1, 2, 5):
        found = facts.clear(replace(LETTER, value=bytes([0, 0, 0, 0, number]) + value))

        assert "record" in found


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90_000), ("2h", 7_200_000), ("7d", 604_800_000)]
)
def test_spans_of_time_as_they_are_typed(text: str, expected: int) -> None:
    assert spans.ms(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "2 hours", "1e3s"])
def test_a_span_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(Permanent, match="90s"):
        spans.ms(text)
