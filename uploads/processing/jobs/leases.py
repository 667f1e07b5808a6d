"""Whose a job is: claimed by a worker, held while its lease is renewed, released with a fence.

What a worker writes is fenced by the attempt that it claimed: a late or doubled message finds no
row to change, and `LostLease` says so.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from uploads.errors import WrongState
from uploads.models import Job, Status, UploadedFile
from uploads.processing import children, nudges, queue
from uploads.processing.jobs import moves
from uploads.publishing import log as stream
from uploads.statements import Plus, update


class LostLease(Exception):
    """The job is no longer this worker's: cancelled, deleted, or given to another attempt."""


@dataclass(frozen=True)
class Claimed:
    """A job that is this worker's as long as its lease is renewed."""

    file_id: uuid.UUID
    attempt: int
    space_id: int
    batch: str | None
    name: str
    size: int
    sha256: str | None
    path: str = ""
    waited_seconds: float = 0.0
    tries: int = 1  # this one included
    depth: int = 0  # containers that it lies in
    expand: bool = False  # somebody asked for all that is inside
    worker: str | None = None


def claim(worker: str, limit: int) -> list[Claimed]:
    """Up to `limit` jobs that are due, in the queue's order."""
    now = timezone.now()
    files = queue.take(limit, now)
    nudges.taken(files)
    return [_start(file_id, worker, now) for file_id in files]


def _start(file_id: uuid.UUID, worker: str, now: datetime) -> Claimed:
    started = update(
        Job,
        {
            "state": Job.State.RUNNING,
            "worker": worker,
            "attempt": Plus(1),
            "tries": Plus(1),
            "lease_until": now + timedelta(seconds=settings.LEASE_SECONDS),
        },
        file_id=file_id,
        state=Job.State.QUEUED,
    )
    if started is None:
        raise WrongState
    attempt = started.attempt
    change = {"status": Status.PROCESSING, "attempt": attempt, "error": None, "step": None}
    file = moves.move(file_id, Status.QUEUED, **change)
    stream.updated(file, Status.QUEUED)
    return Claimed(
        file_id=file.pk,
        attempt=attempt,
        space_id=file.space_id,
        batch=file.batch,
        name=file.name,
        size=file.size or 0,
        sha256=file.sha256,
        path=file.path,
        waited_seconds=(now - started.queued_at).total_seconds(),
        tries=started.tries,
        depth=children.depth(file),
        expand=started.expand,
        worker=" ".join(worker.split()[:2]),  # its place on the disk is nobody's business
    )


def renew(worker: str, jobs: Iterable[tuple[uuid.UUID, int]]) -> set[uuid.UUID]:
    """Lengthen the leases of a worker's jobs; returns those that are no longer its own."""
    held = dict(jobs)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    mine = Job.objects.filter(pk__in=list(held), worker=worker, state=Job.State.RUNNING)
    kept = {pk for pk, attempt in mine.values_list("pk", "attempt") if held[pk] == attempt}
    # what is locked is being written by this worker itself; its turn comes again before it is due
    free = mine.filter(pk__in=kept).select_for_update(skip_locked=True)
    mine.filter(pk__in=list(free.values_list("pk", flat=True))).update(lease_until=until)
    return set(held) - kept


def hold(claimed: Claimed) -> None:
    """The fence for what goes on: the job stays this attempt's until the transaction ends. Raises
    LostLease.
    """
    held = Job.objects.select_for_update().filter(
        pk=claimed.file_id, attempt=claimed.attempt, state=Job.State.RUNNING
    )
    if not held.exists():
        raise LostLease


def release(file_id: uuid.UUID, attempt: int, state: str, **changes: Any) -> None:
    """The fence for what is over: only the attempt that holds the job may let go of it. Raises
    LostLease.
    """
    changes |= {"state": state, "worker": "", "lease_until": None}
    place = {"file_id": file_id, "attempt": attempt, "state": Job.State.RUNNING}
    if update(Job, changes, **place) is None:
        raise LostLease


def stands(claimed: Claimed) -> bool:
    """Whether the file has ended with this very attempt, so that what it saved must stay."""
    ended = UploadedFile.objects.filter(status__in=(Status.PROCESSED, Status.FAILED))
    return ended.filter(pk=claimed.file_id, attempt=claimed.attempt).exists()
