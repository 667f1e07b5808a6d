"""A worker machine's engine ends whatever it does at the moment at which it is told to."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from procrastinate import App
from procrastinate.testing import InMemoryConnector

from uploads.processing.engines import procrastinate_worker


class Deaf(App):
    """Loses the first cancellation, as its pool does when a connection comes together with it."""

    async def run_worker_async(self, **_options: Any) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()


async def test_a_cancellation_that_is_lost_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procrastinate_worker, "CANCEL_SECONDS", 0.1)

    async def work() -> None:
        app = Deaf(connector=InMemoryConnector())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(procrastinate_worker._serve_queue(app, "nudges"))

    working = asyncio.create_task(work())
    await asyncio.sleep(0.1)  # it has begun
    async with asyncio.timeout(30):
        await procrastinate_worker.end(working)
    assert asyncio.all_tasks() == {asyncio.current_task()}
