"""Jobs through the sandbox: how many a second, how long each, what they cost the server.

Peers: the standard library's fork server, one child for each job and no confinement; a new
interpreter for each job, with nothing loaded.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks import table
from uploads.processing.sandbox import Sandbox, Task
from uploads.processors import PRELOAD

JOBS = 400
PEER_JOBS = 100
SIDE_BY_SIDE = (1, 2, 4, 6)

Job = Callable[[], Awaitable[object]]


def main() -> None:
    """Measure one step and a whole file, alone and side by side."""
    print(table.machine())
    with tempfile.TemporaryDirectory(prefix="bench-sandbox-") as scratch:
        asyncio.run(_measure(Path(scratch)))


async def _measure(folder: Path) -> None:
    path = folder / "note.txt"
    path.write_text("A line of plain words.\n" * 40)
    sandbox = Sandbox(folder / "work")
    began = time.perf_counter()
    await sandbox.start()
    print(f"layers: {', '.join(name for name, there in sandbox.layers.items() if there)}")
    print(f"start {(time.perf_counter() - began) * 1000:.0f} ms")
    try:
        for what, steps in (("one step", ("identify",)), ("identify, checksum, text", None)):
            task = Task("bench", path, "note.txt", path.stat().st_size, steps=steps)
            for parallel in SIDE_BY_SIDE:
                await _many(f"{what}, {parallel} at once", partial(_run, sandbox, task), parallel)
        await _cancelled(sandbox, Task("bench", path, "note.txt", path.stat().st_size))
    finally:
        await sandbox.stop()
    await _peers(folder)


async def _run(sandbox: Sandbox, task: Task) -> None:
    async with sandbox.run(task) as run:
        async for _ in run:
            pass
        assert run.exit.reason == "ok", run.exit


async def _many(what: str, job: Job, parallel: int, jobs: int = JOBS) -> None:
    waiting = iter(range(jobs))
    took: list[float] = []

    async def worker() -> None:
        for _ in waiting:
            began = time.perf_counter()
            await job()
            took.append((time.perf_counter() - began) * 1000)

    began, used = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(parallel):
            tasks.create_task(worker())
    table.row(what, jobs / (time.perf_counter() - began), "jobs/s")
    took.sort()
    print(
        f"    median {statistics.median(took):.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms, "
        f"{(time.process_time() - used) / jobs * 1000:.2f} ms of the server's processor a job"
    )


async def _cancelled(sandbox: Sandbox, task: Task) -> None:
    """From the word to nothing being left."""
    took = []
    for _ in range(50):
        async with sandbox.run(task) as run:
            async for _ in run:
                break
            began = time.perf_counter()
            run.cancel()
        took.append((time.perf_counter() - began) * 1000)
    print(f"cancel: median {statistics.median(took):.1f} ms, slowest {max(took):.1f} ms")


async def _peers(folder: Path) -> None:
    context = get_context("forkserver")
    context.set_forkserver_preload([module for module in PRELOAD if module != "av"])
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1) as pool:
        pooled = partial(loop.run_in_executor, pool, _nothing)
        await pooled()
        await _many("peer: stdlib fork server, 2 at once", pooled, 2, PEER_JOBS)
    command = partial(
        subprocess.run, [sys.executable, "-I", "-S", "-c", "pass"], check=True, cwd=folder
    )
    await _many(
        "peer: new interpreter, 2 at once", lambda: asyncio.to_thread(command), 2, PEER_JOBS
    )


def _nothing() -> None:
    pass
