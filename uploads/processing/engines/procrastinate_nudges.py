"""Nudges: rows of procrastinate's that mean no more than «there is something to claim».

procrastinate brings them to a worker (LISTEN/NOTIFY, or polling where that fails) and sees that
each reaches one. Which job is done, by whom and how it ends is written in our own rows, behind
the fence of the attempt, so procrastinate's states are never asked. A nudge is deferred in the
transaction that queues a job, and where no worker has it in hand yet it goes in the one that claims
the job. Its queueing lock is the file, so each job has one at the most.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from uploads.models import Job
from uploads.processing.nudges import ENOUGH

logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it tells of every nudge

TASK = "nudge"
QUEUE = "nudges"
STALLED_SECONDS = 30  # a worker that is silent for longer is gone, and what it held with it

# procrastinate's own function, called without the round trips and the error of its `defer` where
# the nudge is there already (an error would undo the whole transaction)
_DEFER = """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW(%s, %s, 0, NULL, %s, '{}', %s)::procrastinate_job_to_defer_v1
    ]) WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = %s
    )
"""
_FORGET = "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(%s)"
_ALIVE = """
    SELECT count(*) FROM procrastinate_workers
    WHERE last_heartbeat > now() - make_interval(secs => %s)
"""
_KNOWN = """
    SELECT count(*) FROM (
        SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %s LIMIT %s
    ) AS found
"""


def nudge(file_id: UUID, *, at: datetime | None = None) -> bool:
    """Wake a worker for this job, at once or at a time; False where one is called already."""
    with connection.cursor() as cursor:
        cursor.execute(_DEFER, [QUEUE, TASK, str(file_id), at, str(file_id)])
        return bool(cursor.rowcount)


def forget(file_ids: Sequence[UUID]) -> None:
    """These jobs are claimed; a nudge that a worker has in hand stays his."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [[str(file_id) for file_id in file_ids]])


def listening() -> int:
    """Queues that are being served: one or two of each worker that is alive."""
    with connection.cursor() as cursor:
        cursor.execute(_ALIVE, [STALLED_SECONDS])
        count: int = cursor.fetchone()[0]
    return count


def repair() -> int:
    """Nudge for jobs that are due while fewer nudges wait than workers may sleep; how many.

    Nobody was told of jobs of another engine, of a pause that has ended, of a worker that died with
    the nudge in its hand.
    """
    due = Job.objects.filter(state=Job.State.QUEUED).exclude(run_after__gt=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [QUEUE, ENOUGH])
        known: int = cursor.fetchone()[0]
    files = list(due.values_list("pk", flat=True)[: ENOUGH - known]) if known < ENOUGH else []
    return sum(nudge(file_id) for file_id in files)
