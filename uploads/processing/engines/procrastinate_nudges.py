"""Nudges: rows of procrastinate's that mean no more than «there is something to claim».

procrastinate brings them to a worker (LISTEN/NOTIFY, or polling where that fails) and sees that
each reaches one. Which job is done, by whom and how it ends is written in our own rows, behind
the fence of the attempt, so procrastinate's states are never asked. A nudge is deferred in the
transaction that queues a job, and goes in the one that claims a job.
"""

import logging
from datetime import datetime
from functools import cache

from django.db import connection
from django.utils import timezone
from procrastinate import App
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer

from uploads.models import Job

logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it tells of every nudge

TASK = "nudge"
QUEUE = "nudges"
ENOUGH = 16  # one nudge makes a worker claim until nothing is left; these wake as many workers

_FORGET = """
    DELETE FROM procrastinate_jobs WHERE id IN (
        SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %s
        AND (scheduled_at IS NULL OR scheduled_at <= now())
        ORDER BY priority DESC, id LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""
_KNOWN = """
    SELECT count(*) FROM (
        SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %s LIMIT %s
    ) AS found
"""


@cache
def _app() -> App:
    """Defers on Django's own connection, so in whatever transaction is open there."""
    return App(connector=DjangoConnector())


def _deferrer(at: datetime | None) -> JobDeferrer:
    return _app().configure_task(TASK, queue=QUEUE, schedule_at=at)


def nudge(*, at: datetime | None = None) -> None:
    """Wake a worker, at once or at a time."""
    _deferrer(at).defer()


def forget(count: int) -> None:
    """Take back as many nudges as jobs were claimed without them."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [QUEUE, count])


def repair() -> int:
    """Nudge for jobs that are due and that nobody was told of; returns how many times.

    They come from another engine, from a pause that has ended, or from a worker that died with the
    nudge in its hand.
    """
    due = Job.objects.filter(state=Job.State.QUEUED).exclude(run_after__gt=timezone.now())
    waiting = len(due.values_list("pk")[:ENOUGH])
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [QUEUE, ENOUGH])
        known: int = cursor.fetchone()[0]
    missing = max(0, waiting - known)
    if missing:
        _deferrer(None).batch_defer(*({} for _ in range(missing)))
    return missing
