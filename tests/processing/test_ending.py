"""A worker machine's engine ends whatever it does at the moment at which it is told to."""

import asyncio

import pytest

from uploads.processing.engines import procrastinate_worker


async def deaf_at_first(connected: "asyncio.Future[None]") -> None:
    """Like a pool that waits for a connection by `asyncio.wait_for`, and then works for ever."""
    try:
        await asyncio.wait_for(connected, 60)
    except asyncio.CancelledError:  # newer Pythons than 3.11 do not lose it
        pass
    await asyncio.Event().wait()


async def test_a_cancellation_that_is_lost_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procrastinate_worker, "CANCEL_SECONDS", 0.1)
    connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    working = asyncio.create_task(deaf_at_first(connected))
    await asyncio.sleep(0)  # it waits for its connection
    connected.set_result(None)
    async with asyncio.timeout(30):
        await procrastinate_worker.end(working)
    assert working.cancelled()
