"""Offsets are acknowledged in order, after their produce, and never for an older generation."""

import asyncio
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_processors.acknowledge import EXIT_REDELIVER, Acknowledger


class Died(Exception):
    """What the tests' processes do instead of ending."""


def give_up(code: int, cause: str, **_facts: object) -> None:
    raise Died(code, cause)


async def settle() -> None:
    """Let callbacks of futures run."""
    await asyncio.sleep(0)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_order_of_completion_acknowledges_in_offset_order(data: st.DataObject) -> None:
    partitions = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=12))
    futureless = data.draw(st.sets(st.sampled_from(range(len(partitions)))))
    order = data.draw(st.permutations(range(len(partitions))))
    acked: dict[int, list[int]] = {}

    async def scenario() -> list[tuple[int, int]]:
        loop, acknowledger = asyncio.get_running_loop(), Acknowledger(fail=give_up)
        futures: list[asyncio.Future[None] | None] = []
        places: list[tuple[int, int]] = []
        for number, tp in enumerate(partitions):
            offset = sum(1 for p in partitions[:number] if p == tp)
            future = None if number in futureless else loop.create_future()
            futures.append(future)
            places.append((tp, offset))
            ack = partial(acked.setdefault(tp, []).append, offset)
            await acknowledger.add(tp, offset, ack, 1, 0, future)
        completed = set(futureless)
        for number in order:
            done = futures[number]
            if done is not None:
                done.set_result(None)
                completed.add(number)
            await settle()
            # Never past a record of the partition that is still in flight.
            for tp, offsets in acked.items():
                behind = [n for n, place in enumerate(places) if place[0] == tp]
                assert all(behind[offset] in completed for offset in offsets)
        assert acknowledger.in_flight == 0
        return places

    places = asyncio.run(scenario())

    for tp in set(partitions):
        assert acked[tp] == [offset for p, offset in places if p == tp]


async def in_flight(acknowledger: Acknowledger, offset: int = 0) -> "asyncio.Future[Any]":
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    generation = acknowledger.generation
    await acknowledger.add("tp", offset, lambda: None, 10, generation, future)
    return future


@pytest.mark.parametrize("how", ["raised", "cancelled"])
def test_a_failed_produce_ends_the_process(how: str) -> None:
    ends: list[tuple[int, str]] = []

    async def scenario() -> None:
        acknowledger = Acknowledger(fail=lambda code, cause, **_facts: ends.append((code, cause)))
        future = await in_flight(acknowledger)
        if how == "raised":
            future.set_exception(OSError("gone"))
        else:
            future.cancel()
        await settle()
        assert acknowledger.processed() == {}

    asyncio.run(scenario())

    assert ends == [(EXIT_REDELIVER, "produce_failed")]


def test_a_record_that_yields_nothing_waits_for_its_turn() -> None:
    acked: list[int] = []

    async def scenario() -> None:
        acknowledger = Acknowledger(fail=give_up)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await acknowledger.add("tp", 0, lambda: acked.append(0), 1, 0, future)
        await acknowledger.add("tp", 1, lambda: acked.append(1), 1, 0, None)
        await settle()
        assert acked == []
        future.set_result(None)
        await settle()

    asyncio.run(scenario())

    assert acked == [0, 1]


def test_what_completes_after_a_revoke_is_ignored_even_if_it_failed() -> None:
    async def scenario() -> tuple[int, dict[Any, int]]:
        acknowledger = Acknowledger(fail=give_up)
        good, bad, cut = [await in_flight(acknowledger, offset) for offset in range(3)]
        count = acknowledger.discard()
        good.set_result(None)
        bad.set_exception(OSError("gone"))
        cut.cancel()
        await settle()
        return count, acknowledger.processed()

    assert asyncio.run(scenario()) == (3, {})


def test_a_record_taken_before_a_revoke_is_let_go_after_it() -> None:
    acked: list[int] = []

    async def scenario() -> int:
        acknowledger = Acknowledger(fail=give_up)
        generation = acknowledger.generation
        acknowledger.discard()
        await acknowledger.add("tp", 0, lambda: acked.append(0), 1, generation, None)
        return acknowledger.in_flight

    assert asyncio.run(scenario()) == 0
    assert acked == []


@pytest.mark.parametrize(("limit", "limit_bytes"), [(2, 1000), (1000, 20)], ids=["count", "bytes"])
def test_too_much_in_flight_makes_the_next_record_wait(limit: int, limit_bytes: int) -> None:
    async def scenario() -> tuple[bool, bool]:
        acknowledger = Acknowledger(limit=limit, limit_bytes=limit_bytes, fail=give_up)
        first = await in_flight(acknowledger, 0)
        second = asyncio.create_task(in_flight(acknowledger, 1))
        await settle()
        await settle()
        waited = not second.done()
        first.set_result(None)
        await asyncio.wait_for(second, 5)
        return waited, second.done()

    assert asyncio.run(scenario()) == (True, True)


def test_a_revoke_frees_who_waits_for_room() -> None:
    async def scenario() -> int:
        acknowledger = Acknowledger(limit=1, fail=give_up)
        waiting = asyncio.create_task(in_flight(acknowledger))
        await settle()
        acknowledger.discard()
        await asyncio.wait_for(waiting, 5)
        return acknowledger.in_flight

    assert asyncio.run(scenario()) == 0


def test_what_is_held_waits_for_its_release_and_for_everything_before_it() -> None:
    acked: list[int] = []

    async def play() -> list[list[int]]:
        loop, acknowledger = asyncio.get_running_loop(), Acknowledger(fail=give_up)
        letter: asyncio.Future[None] = loop.create_future()
        seen = []
        for offset, produced in ((0, None), (1, letter), (2, None), (3, None)):
            await acknowledger.add(
                0, offset, partial(acked.append, offset), 0, 0, produced, held=produced is None
            )  # fmt: skip
        acknowledger.release(0, 3)
        seen.append(list(acked))
        letter.set_result(None)
        await asyncio.sleep(0)
        seen.append(list(acked))
        acknowledger.release(0, 9)
        return [*seen, list(acked)]

    assert asyncio.run(play()) == [[0], [0, 1, 2], [0, 1, 2, 3]]
