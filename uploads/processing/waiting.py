"""The only module that estimates when a queued file's turn comes.

Measured, not guessed: how long the space's newest files took, and how many of it are in work at
once. Plain functions, for `database.read`.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Min
from django.utils import timezone

from uploads.models import Job, Space, Status, Step, UploadedFile
from uploads.processing import queue
from uploads.publishing import standing

MEASURED = 30  # newest files that ended, by which the others are judged
PLACES = 20_000  # of a space's queue; who is further behind has no place yet
OVERHEAD_SECONDS = 0.01  # a job's claim and end, which no step counts

# Everybody's place in one walk along the index of what waits.
_PLACES = """
    SELECT file_id, priority, run_after, place FROM (
        SELECT file_id, priority, run_after,
               row_number() OVER (ORDER BY priority DESC, queued_at) AS place
        FROM (SELECT file_id, priority, run_after, queued_at FROM uploads_job
              WHERE space_id = %s AND state = 'queued'
              ORDER BY priority DESC, queued_at LIMIT {places:d}) waiting
    ) placed WHERE file_id IN ({ids})
"""


@dataclass(frozen=True)
class Wait:
    """A queued file's place (1 is next), and seconds until its turn; None where nobody can tell."""

    place: int
    seconds: float | None
    priority: int


@dataclass(frozen=True)
class Pace:
    """How fast a space's queue goes: seconds from one start to the next, and until it goes on."""

    between: float | None
    held: float | None  # 0 where nothing is paused, None where no end is known

    def until(self, place: int) -> float | None:
        """Seconds until the turn of this place."""
        if self.between is None or self.held is None:
            return None
        return round(self.held + place * self.between, 1)


def pace(space: Space) -> Pace:
    """How fast the space's queue goes now."""
    took = _took(space.pk)
    between = None if took is None else (took + OVERHEAD_SECONDS) / max(1, space.processing)
    return Pace(between, _held(space.pk, timezone.now()))


def of(space: Space, file_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Wait]:
    """The waits of those among these files that are queued there."""
    key = Job._meta.pk
    ids = [key.get_db_prep_value(file_id, connection) for file_id in file_ids]
    if not ids:
        return {}
    goes, now = pace(space), timezone.now()
    text = _PLACES.format(places=PLACES, ids=", ".join(["%s"] * len(ids)))
    rows: Any = Job.objects.raw(text, [space.pk, *ids])
    return {job.pk: _wait(job, job.place, goes, now) for job in rows}


def alone(file: UploadedFile) -> Wait | None:
    """One file's wait, however far behind it is; None when it is not queued."""
    job = Job.objects.filter(pk=file.pk, state=Job.State.QUEUED).first()
    before = queue.place(file.pk)
    if job is None or before is None:
        return None
    goes = pace(Space.objects.get(pk=file.space_id))
    return _wait(job, before + 1, goes, timezone.now())


def first(space_id: int, uploader_id: int, limit: int) -> list[uuid.UUID]:
    """Those of somebody's queued files whose turn comes first."""
    queued = Job.objects.filter(space=space_id, state=Job.State.QUEUED)
    mine = queued.filter(file__uploader=uploader_id).order_by("-priority", "queued_at")
    return list(mine.values_list("pk", flat=True)[:limit])


def _wait(job: Job, place: int, goes: Pace, now: datetime) -> Wait:
    seconds = goes.until(place)
    if seconds is not None and job.run_after is not None:  # it failed and waits for its next try
        seconds = max(seconds, round((job.run_after - now).total_seconds(), 1))
    return Wait(place, seconds, job.priority)


def _took(space_id: int) -> float | None:
    """Mean seconds that the newest files took from their first step to their end."""
    ended = UploadedFile.objects.filter(
        space=space_id, finished_at__isnull=False, status__in=(Status.PROCESSED, Status.FAILED)
    ).order_by("-finished_at", "-id")
    ends = dict(ended.values_list("pk", "finished_at")[:MEASURED])
    began = (
        Step.objects.filter(file__in=list(ends), attempt=F("file__attempt"))
        .values_list("file")
        .annotate(began=Min("started_at"))
    )
    took = [(ends[pk] - at).total_seconds() for pk, at in began if at is not None]
    return max(0.0, sum(took) / len(took)) if took else None


def _held(space_id: int, now: datetime) -> float | None:
    """Seconds until no pause holds the space."""
    ends = [pause.until for pause in standing.pauses(space_id)]
    if None in ends:
        return None
    return max((at - now).total_seconds() for at in ends if at is not None) if ends else 0.0
