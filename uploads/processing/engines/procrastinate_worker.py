"""A worker machine's engine: procrastinate wakes the runner, and does the chores once for all.

The runner is the same as the embedded one. procrastinate's worker is started anew whenever it ends
by itself, which it does when the database was away; jobs do not notice, since they are not its own.
"""

import asyncio
from collections.abc import Collection
from functools import partial

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django.utils import connector_params
from procrastinate.jobs import Status

from project import database
from uploads.processing import periodic
from uploads.processing.engines.procrastinate_nudges import QUEUE, STALLED_SECONDS, TASK, repair
from uploads.processing.periodic import Chore
from uploads.processing.runner import Runner

log = structlog.get_logger(__name__)

JOBS = "jobs"
CHORES = "chores"

AGAIN_SECONDS = 1  # before procrastinate is started anew
POLL_SECONDS = 5  # a lost nudge costs no more than this
REPAIR_SECONDS = 10
STOP_SECONDS = 2  # for a nudge or a chore to end
CANCEL_SECONDS = 3  # then it has not heard


async def work(runner: Runner, queues: Collection[str]) -> None:
    """Bring nudges to the runner, and chores, until cancelled."""
    while True:
        app = App(connector=_connector())
        try:
            await app.open_async()
            await _serve(app, runner, queues)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the database was away
            log.warning("procrastinate ended", error=repr(error))
        finally:  # also where opening was cancelled: what the pool runs does not let itself be
            await app.close_async()
        await asyncio.sleep(AGAIN_SECONDS)


async def end(working: "asyncio.Task[None]") -> None:
    """Cancel a task until it has ended. In Python 3.11 `asyncio.wait_for`, by which the pool waits
    for connections, loses a cancellation that comes together with what it waits for; a worker that
    is stopped while it starts would never end.
    """
    while not working.done():
        working.cancel()
        await asyncio.wait([working], timeout=CANCEL_SECONDS)


def _connector() -> PsycopgConnector:
    params = connector_params()
    # procrastinate's states may be lost: nobody asks them, so nobody waits for the disk
    options = f"{params.get('options', '')} -c synchronous_commit=off".strip()
    return PsycopgConnector(kwargs=params | {"options": options}, min_size=1, max_size=4)


async def _serve(app: App, runner: Runner, queues: Collection[str]) -> None:
    """Raise when one of the queues is no longer served."""

    @app.task(name=TASK, queue=QUEUE)
    async def nudge() -> None:
        await runner.nudged()

    for chore in [*periodic.chores(), Chore("repair", REPAIR_SECONDS, partial(_repair, app))]:
        _add(app, chore)
    names = {JOBS: QUEUE, CHORES: CHORES}
    async with asyncio.TaskGroup() as tasks:
        for queue in queues:
            tasks.create_task(_serve_queue(app, names[queue]), name=f"queue {queue}")


def _add(app: App, chore: Chore) -> None:
    seconds = max(1, round(chore.seconds))
    cron = f"* * * * * */{seconds}" if seconds < 60 else f"*/{seconds // 60} * * * *"

    @app.periodic(cron=cron)
    @app.task(name=chore.name, queue=CHORES, queueing_lock=chore.name)
    async def do(timestamp: int) -> None:
        del timestamp  # which run this is; a late one does what an early one would
        await periodic.do(chore)


async def _repair(app: App) -> int:
    """Nudge for what nobody was told of, and forget what dead workers held."""
    manager = app.job_manager
    for held in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        await manager.finish_job(held, Status.FAILED, delete_job=True)
    return await database.write(repair)


async def _serve_queue(app: App, queue: str) -> None:
    """One after another, since a nudge is held while the runner is busy."""
    serving = asyncio.get_running_loop().create_task(
        app.run_worker_async(
            queues=[queue],
            concurrency=1,
            fetch_job_polling_interval=POLL_SECONDS,
            delete_jobs="always",
            install_signal_handlers=False,
            shutdown_graceful_timeout=STOP_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        ),
        name=f"procrastinate {queue}",
    )
    try:
        await asyncio.wait([serving])
        serving.result()
    finally:
        await end(serving)  # a group cancels its tasks once, however often it is cancelled itself
    raise ConnectionError(f"{queue} is no longer served")
