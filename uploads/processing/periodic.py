"""What is done from time to time: lost leases, expired uploads, old events, orphans. Each is
harmless when done twice.
"""

import asyncio
from collections.abc import Callable

import structlog
from django.conf import settings

from project import database
from uploads.models import Space
from uploads.processing import jobs
from uploads.publishing import log as stream

log = structlog.get_logger(__name__)

PRUNE_SECONDS = 60


async def run() -> None:
    """Do all of it, each at its own pace, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_every(settings.LEASE_SECONDS / 3, jobs.sweep), name="sweep")
        tasks.create_task(_prune(), name="prune")


async def _every(seconds: float, work: Callable[[], int]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            if done := await database.write(work):
                log.info("periodic", work=work.__name__, done=done)
        except Exception:
            log.exception("periodic work failed", work=work.__name__)


async def _prune() -> None:
    while True:
        await asyncio.sleep(PRUNE_SECONDS)
        try:
            for space in await database.read(_spaces):
                await database.write(stream.prune, space)
        except Exception:
            log.exception("pruning failed")


def _spaces() -> list[int]:
    return list(Space.objects.values_list("pk", flat=True))
