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

from project import database, health
from project.services import beside
from uploads.processing import periodic
from uploads.processing.jobs import lost
from uploads.processing.runner import Runner

log = structlog.get_logger(__name__)

ASK_SECONDS = 2  # for the lock, while another process holds it
START_SECONDS = 5  # that the server's start waits for the runner
AGAIN_SECONDS = 5  # before a runner that broke is started again

current: Runner | None = None
_waits_for_lock = False


def worker_name() -> str:
    """The same after a restart, and another for each DATA_DIR."""
    return f"embedded {socket.gethostname()} {settings.DATA_DIR}"[:100]


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Run jobs for as long as the server lives."""
    settled = asyncio.Event()
    async with beside(_serve(settled), "embedded engine"):
        unwatch = health.watch("runner", _ailing)
        try:
            await _well_or_late(settled)
            yield
        finally:
            unwatch()


async def _well_or_late(settled: asyncio.Event) -> None:
    """A server that says it is ready can work; one whose runner is late serves all the same."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            await settled.wait()


async def _serve(settled: asyncio.Event) -> None:
    """Start anew what breaks: a server that takes files and never processes one helps nobody."""
    while True:
        try:
            await _run(settled)
        except Exception:
            log.exception("the runner broke; it is started again")
        await asyncio.sleep(AGAIN_SECONDS)


async def _run(settled: asyncio.Event) -> None:
    global current
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_DIR / "runner.lock").open("a") as lock:
        await _hold(lock, settled)
        taken = await database.write(lost.take_back, worker_name())
        if taken:
            log.info("took back jobs of the last run", jobs=taken)
        runner = current = Runner(worker_name(), settings.CONCURRENCY or os.cpu_count() or 1)
        runner.on_start = settled.set
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(periodic.run(), name="periodic")
                tasks.create_task(runner.run(), name="runner")
        finally:
            current = None


def _ailing() -> str:
    if _waits_for_lock:
        return ""  # another process on this DATA_DIR runs the jobs
    return "" if current is not None and current.alive else "The runner has not started."


async def _hold(lock: IO[str], settled: asyncio.Event) -> None:
    global _waits_for_lock
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _waits_for_lock = True
            settled.set()
            await asyncio.sleep(ASK_SECONDS)
        else:
            _waits_for_lock = False
            return
