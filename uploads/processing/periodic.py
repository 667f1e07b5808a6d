"""What is done from time to time: lost leases, ended pauses, old events. Each is harmless when done
twice, and each engine sees to it that it is done once for all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import F, Q
from django.utils import timezone

from project import database
from uploads.models import Event, Space
from uploads.processing import mailing, queue
from uploads.processing.jobs import lost
from uploads.publishing import log as stream

log = structlog.get_logger(__name__)

PAUSES_SECONDS = 5
PRUNE_SECONDS = 60
SESSIONS_SECONDS = 600
MAIL_SECONDS = 10


@dataclass(frozen=True)
class Chore:
    """Work that returns how much there was to do."""

    name: str
    seconds: float  # from one to the next
    work: Callable[[], Awaitable[int]]


async def sweep() -> int:
    """Take back what dead workers hold."""
    return await database.write(lost.sweep)


async def note_silence() -> int:
    """Show what workers hold that have not been heard of for a while as stalled."""
    return await database.write(lost.note_silence)


async def end_pauses() -> int:
    """Go on with what a pause held whose time is over."""
    return await database.write(queue.end_pauses)


async def prune() -> int:
    """Drop old events, space by space so that no lock is held for long."""
    return sum(
        [await database.write(stream.prune, space) for space in await database.read(_spaces)]
    )


async def forget_sessions() -> int:
    """Drop sessions and used tickets that have expired."""
    return await database.write(_forget_sessions)


def chores() -> list[Chore]:
    """All of them."""
    return [
        Chore("sweep", settings.LEASE_SECONDS / 3, sweep),
        Chore("silence", settings.STALL_SECONDS / 3, note_silence),
        Chore("pauses", PAUSES_SECONDS, end_pauses),
        Chore("prune", PRUNE_SECONDS, prune),
        *([Chore("mail", MAIL_SECONDS, mailing.tell)] if settings.EMAIL_URL else []),
        Chore("sessions", SESSIONS_SECONDS, forget_sessions),
    ]


async def do(chore: Chore) -> None:
    """Do it once; what goes wrong is tried again the next time."""
    try:
        done = await chore.work()
        log.log(logging.INFO if done else logging.DEBUG, "chore", name=chore.name, done=done)
    except Exception:
        log.exception("chore failed", name=chore.name)


async def run() -> None:
    """Do all of them, each at its own pace, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for chore in chores():
            tasks.create_task(_every(chore), name=chore.name)


async def _every(chore: Chore) -> None:
    while True:
        await asyncio.sleep(chore.seconds)
        await do(chore)


def _forget_sessions() -> int:
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]


def _spaces() -> list[int]:
    """Those with events to drop, found without looking at every space's stream."""
    old = timezone.now() - timedelta(days=settings.EVENTS_KEEP_DAYS)
    many = Q(seq__gt=F("pruned_seq") + settings.EVENTS_KEEP)
    aged = Q(pk__in=Event.objects.filter(at__lt=old).values("space"))
    return list(Space.objects.filter(many | aged).values_list("pk", flat=True))
