"""`manage.py worker`: runs jobs and does the chores, and serves nobody; as many as one likes."""

import asyncio
import os
import signal
import socket
from typing import Any

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project import database
from uploads import metrics
from uploads.processing.runner import Runner
from uploads.publishing import doorbell

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run jobs."""

    help = "Runs jobs until SIGTERM; what has not ended GRACE_SECONDS later is given back."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """--concurrency, --queues."""
        parser.add_argument("--concurrency", type=int, help="files at once; default CONCURRENCY")
        parser.add_argument(
            "--queues",
            nargs="+",
            choices=["jobs", "chores"],
            default=["jobs", "chores"],
            help="files, or what is done from time to time; default: both",
        )

    def handle(
        self, *_args: Any, concurrency: int | None, queues: list[str], **_options: Any
    ) -> None:
        """Work until a signal."""
        if settings.ENGINE != "procrastinate":
            raise CommandError("With ENGINE=embedded the server runs the jobs itself.")
        slots = concurrency or settings.CONCURRENCY or os.cpu_count() or 1
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        try:
            with metrics.served(settings.WORKER_METRICS):
                uvloop.run(_work(slots if "jobs" in queues else 0, queues))
        finally:
            database.close()


async def _work(slots: int, queues: list[str]) -> None:
    # imported where workers are apart: procrastinate's tables exist only there
    from uploads.processing.engines import procrastinate_worker  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    name = f"{socket.gethostname()} {os.getpid()}"
    runner = Runner(name, slots, poll_seconds=procrastinate_worker.POLL_SECONDS)
    async with doorbell.service(), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(runner.run(), name="runner")
        waking = tasks.create_task(procrastinate_worker.work(runner, queues), name="procrastinate")
        log.info("worker started", worker=name, slots=slots, queues=queues)
        await stop.wait()
        log.info("worker stopping", worker=name, jobs=len(runner.running))
        await runner.rest(settings.GRACE_SECONDS)
        running.cancel()
        await procrastinate_worker.end(waking)
    log.info("worker ended", worker=name)
