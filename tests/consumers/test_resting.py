"""A stream shares the event loop with everything else that the server does."""

import asyncio
import time

from consumers.stream import _rest


async def test_a_stream_rests_for_its_time_while_others_want_the_loop() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            time.sleep(0.002)  # noqa: ASYNC251 - it is work that is meant
            await asyncio.sleep(0)

    working = asyncio.create_task(others())
    began = time.monotonic()
    await _rest(0.1)
    working.cancel()
    assert time.monotonic() - began >= 0.1
    assert turns > 1


async def test_a_stream_rests_no_longer_than_anybody_else_wants_the_loop() -> None:
    began = time.monotonic()
    await _rest(1000)
    assert time.monotonic() - began < 100
