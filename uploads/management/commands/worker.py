"""`manage.py worker`: runs jobs and nothing else, where it shares the database and DATA_DIR."""

import asyncio
import os
import signal
import socket
from typing import Any

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand

from project import database
from uploads.processing import periodic
from uploads.processing.runner import Runner
from uploads.publishing import doorbell

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run jobs."""

    help = "Runs jobs until SIGTERM or SIGINT; what runs then is given back for another worker."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Work until a signal."""
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        try:
            uvloop.run(_work())
        finally:
            database.close()


async def _work() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    name = f"{socket.gethostname()} {os.getpid()}"
    runner = Runner(name, settings.CONCURRENCY or os.cpu_count() or 1)
    async with doorbell.service(), asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(part) for part in (runner.run(), periodic.run())]
        log.info("worker started", worker=name, slots=runner.slots)
        await stop.wait()
        for task in working:
            task.cancel()
    log.info("worker ended", worker=name)
