"""The only module that reads the state of a space at a place in its stream.

Cursor, counts and files come from one moment of the database, so whoever applies the events after
the cursor to them has what a later snapshot would show.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from project import database
from uploads.models import ENDED, Status, UploadedFile
from uploads.publishing import log
from uploads.publishing.describing import describe

MOST_IN_FLIGHT = 1_000
MOST_ENDED = 200
# what runs is shown before what waits
RUNNING = (Status.PROCESSING, Status.RECEIVING)
# whose turn comes first, as `processing/queue.py` takes them; by an index of these alone
_NEXT = """
    SELECT file_id FROM uploads_job WHERE space_id = %s AND state = 'queued'
    ORDER BY priority DESC, queued_at LIMIT %s
"""
UNSEEN = ("metadata", "expected_sha256", "expires_at", "received_at", "complete", "uploader_id")


@dataclass(frozen=True)
class Snapshot:
    """Files of a space in flight and the newest that ended, as JSON objects, at `head`."""

    head: log.Head
    files: list[dict[str, Any]]


def take(space_id: int, *, batch: str | None = None, file: str | None = None) -> Snapshot:
    """The state now: at most 1,000 files in flight, those that run and those whose turn comes first
    before others, then the 200 that ended last; of one batch or one file where named.

    The counts are always the space's.
    """
    with database.consistent():
        head = log.head(space_id)
        rows = UploadedFile.objects.filter(space_id=space_id).defer(*UNSEEN)
        if batch is not None:
            rows = rows.filter(batch=batch)
        if file is not None:
            rows = rows.filter(pk=file)
        whole = space_id if batch is None and file is None else None
        found = in_flight(rows, MOST_IN_FLIGHT, space_id=whole)
        ended = rows.filter(status__in=ENDED, finished_at__isnull=False)
        found += ended.order_by("-finished_at", "-id")[:MOST_ENDED]
    return Snapshot(head, [describe(row, head.slug) for row in found])


def in_flight(
    rows: QuerySet[UploadedFile], most: int, *, space_id: int | None
) -> list[UploadedFile]:
    """Those that run, then those whose turn comes first. `space_id` where `rows` are all files of a
    space; of some of them the oldest are first.
    """
    found: list[UploadedFile] = []
    for status in RUNNING:
        newest = rows.filter(status=status).order_by("-created_at", "-id")
        found += newest[: most - len(found)]
    if space_id is not None:
        return found + _next(space_id, most - len(found))
    queued = rows.filter(status=Status.QUEUED).order_by("created_at", "id")
    return found + list(queued[: most - len(found)])


def _next(space_id: int, limit: int) -> list[UploadedFile]:
    """The first of the queue, in its order; found by nothing but their ids, or the database walks
    through all that is queued.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [space_id, limit])
        first = [uuid.UUID(str(file_id)) for (file_id,) in cursor.fetchall()]
    known = UploadedFile.objects.defer(*UNSEEN).in_bulk(first)
    found = [known[file_id] for file_id in first if file_id in known]
    return [file for file in found if file.status == Status.QUEUED]


def since(
    space_id: int,
    after: tuple[str, int],
    limit: int,
    *,
    batch: str | None = None,
    file: str | None = None,
) -> log.Page:
    """Events after a cursor, with the counts of the same moment. Raises CursorGone."""
    with database.consistent():
        return log.read(space_id, after, limit, batch=batch, file=file)
