"""The short way into the agent's buffer: nothing is lost, twice or out of order on it."""

import asyncio
from typing import Any

import pytest

from overt_processors.drain import hastened


async def by_tasks(*coros: Any, timeout: Any = None) -> str:
    """As Faust's: all as tasks, the first to end is enough, the rest is cancelled."""
    tasks = [asyncio.ensure_future(coro) for coro in coros]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return "long"
    finally:
        for task in tasks:
            task.cancel()


def test_what_does_not_wait_makes_no_task() -> None:
    async def run() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(2)
        suspend = asyncio.Event()

        assert await hastened(by_tasks)(queue.put(1), suspend.wait()) is None
        assert len(asyncio.all_tasks()) == 1
        assert queue.get_nowait() == 1

    asyncio.run(run())


def test_what_has_to_wait_goes_on_where_it_stands() -> None:
    async def run() -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        suspend, first = asyncio.Event(), hastened(by_tasks)

        async def feed() -> None:
            for number in range(100):
                await first(queue.put(number), suspend.wait())

        feeding = asyncio.ensure_future(feed())
        found = [await queue.get() for _ in range(100)]
        await feeding
        return found

    assert asyncio.run(run()) == list(range(100))


def test_a_suspend_ends_a_wait_and_what_waited_is_not_delivered() -> None:
    async def run() -> int:
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        queue.put_nowait(0)
        suspend = asyncio.Event()
        waiting = asyncio.ensure_future(hastened(by_tasks)(queue.put(1), suspend.wait()))
        await asyncio.sleep(0)
        suspend.set()

        assert await waiting == "long"
        for _ in range(3):
            await asyncio.sleep(0)
        queue.get_nowait()
        return queue.qsize()

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize("waits", [False, True])
def test_a_failure_is_the_callers(waits: bool) -> None:
    async def fail() -> None:
        if waits:
            await asyncio.sleep(0)
        raise LookupError

    async def run() -> None:
        await hastened(by_tasks)(fail(), asyncio.Event().wait())

    with pytest.raises(LookupError):
        asyncio.run(run())
