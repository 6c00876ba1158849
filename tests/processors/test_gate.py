"""No record passes before its assignment is prepared for, and none of the past passes at all."""

import asyncio

import pytest

from overt_processors.gate import Gate


async def settle() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_record_waits_until_the_processor_is_ready() -> None:
    async def play() -> tuple[bool, bool, list[str]]:
        told: list[str] = []
        ready, gate = asyncio.Event(), Gate(opened=lambda: told.append("open"))

        async def prepare() -> None:
            await ready.wait()

        gate.open_after(prepare)
        record = asyncio.ensure_future(gate.passes())
        await settle()
        early = record.done()
        ready.set()
        return early, await record, told

    early, passed, told = asyncio.run(play())

    assert (early, passed, told) == (False, True, ["open"])


def test_a_record_of_before_a_revoke_is_let_go() -> None:
    async def play() -> tuple[bool, bool]:
        gate = Gate(opened=lambda: None)

        async def prepare() -> None: ...

        stale = asyncio.ensure_future(gate.passes())
        await settle()
        gate.shut()
        gate.open_after(prepare)
        fresh = asyncio.ensure_future(gate.passes())
        return await stale, await fresh

    assert asyncio.run(play()) == (False, True)


def test_a_revoke_breaks_off_what_prepares() -> None:
    async def play() -> tuple[bool, bool]:
        broken, gate = asyncio.Event(), Gate(opened=lambda: None)

        async def prepare() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                broken.set()
                raise

        gate.open_after(prepare)
        await settle()
        gate.shut()
        await settle()
        return broken.is_set(), gate.is_open

    assert asyncio.run(play()) == (True, False)


@pytest.mark.parametrize("revoked", [False, True], ids=["now", "of the past"])
def test_what_cannot_be_prepared_ends_the_process(revoked: bool) -> None:
    async def play() -> list[str]:
        ends: list[str] = []
        gate = Gate(opened=lambda: None, fail=lambda _code, cause, **_facts: ends.append(cause))
        wait = asyncio.Event()

        async def prepare() -> None:
            try:
                await wait.wait()
            finally:
                raise ValueError("no brokers")

        gate.open_after(prepare)
        await settle()
        if revoked:
            gate.shut()
        wait.set()
        await settle()
        return ends

    assert asyncio.run(play()) == ([] if revoked else ["assignment_failed"])
