"""Runs become one range only where no byte between them is anybody else's."""

from hypothesis import given
from hypothesis import strategies as st

from overt_authority.grants.index import Run
from overt_authority.grants.spans import MOST_BYTES, spans


def run(name: str, at: int, size: int, object_: str = "o", tier: str = "hot") -> Run:
    return Run(
        run=name, object=object_, byte_from=at, byte_len=size, records=1, kind="part", person="p",
        device="", boot="", activity=0, stream=0, segment=0, first_batch=0, last_batch=0, seen=1,
        tier=tier,
    )  # fmt: skip


def test_neighbours_are_one_range_and_a_byte_between_them_makes_two() -> None:
    runs = [run("a", 10, 5), run("b", 15, 5), run("c", 21, 4), run("d", 25, 1, "other")]

    made = [(span.first, span.size, span.runs) for span in spans(runs)]

    assert made == [(10, 10, ("a", "b")), (21, 4, ("c",)), (25, 1, ("d",))]


def test_the_same_name_in_another_tier_is_another_object() -> None:
    runs = [run("a", 0, 5), run("b", 5, 5, tier="warm")]

    assert [span.tier for span in spans(runs)] == ["hot", "warm"]


def test_what_is_joined_is_bounded_and_a_large_run_stands_alone() -> None:
    runs = [run(str(n), n * 3_000_000, 3_000_000) for n in range(5)]
    runs.append(run("large", 15_000_000, 2 * MOST_BYTES))

    assert [span.runs for span in spans(runs)] == [("0", "1"), ("2", "3"), ("4",), ("large",)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.booleans()), max_size=30))
def test_every_byte_of_a_range_belongs_to_a_run_that_was_asked_for(
    asked: list[tuple[int, int, bool]],
) -> None:
    runs = [
        run(str(n), at, size, "one" if is_one else "two")
        for n, (at, size, is_one) in enumerate(asked)
    ]

    made = list(spans(runs))

    assert [name for span in made for name in span.runs] == [r.run for r in runs]
    by_name = {r.run: r for r in runs}
    for span in made:
        own = [by_name[name] for name in span.runs]
        assert span.size == sum(r.byte_len for r in own)
        assert span.first == own[0].byte_from
        assert {r.object for r in own} == {span.object}
