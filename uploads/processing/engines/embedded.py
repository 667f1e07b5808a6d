"""The runner inside the server: the one process that holds DATA_DIR's lock runs the jobs.

Its predecessor is dead once the lock is free, so its leases are taken back at once.
"""

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO

import structlog
from django.conf import settings

from project import database
from uploads.processing import jobs, periodic
from uploads.processing.runner import Runner

log = structlog.get_logger(__name__)

ASK_SECONDS = 2  # for the lock, while another process holds it

current: Runner | None = None


def worker_name() -> str:
    """The same after a restart, and another for each DATA_DIR."""
    return f"embedded {socket.gethostname()} {settings.DATA_DIR}"[:100]


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Run jobs for as long as the server lives."""
    task = asyncio.get_running_loop().create_task(_serve(), name="embedded engine")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _serve() -> None:
    global current
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_DIR / "runner.lock").open("a") as lock:
        await _hold(lock)
        taken = await database.write(jobs.take_back, worker_name())
        if taken:
            log.info("took back jobs of the last run", jobs=taken)
        runner = current = Runner(worker_name(), settings.CONCURRENCY or os.cpu_count() or 1)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(periodic.run(), name="periodic")
                tasks.create_task(runner.run(), name="runner")
        finally:
            current = None


async def _hold(lock: IO[str]) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(ASK_SECONDS)
        else:
            return
