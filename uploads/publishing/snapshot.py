"""The only module that reads the state of a space at a place in its stream.

Cursor, counts and files come from one moment of the database, so whoever applies the events after
the cursor to them has what a later snapshot would show.
"""

from dataclasses import dataclass
from typing import Any

from project import database
from uploads.models import ENDED, Status, UploadedFile
from uploads.publishing import log
from uploads.publishing.events import describe

MOST_IN_FLIGHT = 1_000
MOST_ENDED = 200
# what runs is shown before what waits
ORDER = (Status.PROCESSING, Status.RECEIVING, Status.QUEUED)
UNSEEN = ("metadata", "expected_sha256", "expires_at", "received_at", "complete", "uploader_id")


@dataclass(frozen=True)
class Snapshot:
    """The newest files of a space in flight and ended, as JSON objects, at `head`."""

    head: log.Head
    files: list[dict[str, Any]]


def take(space_id: int, *, batch: str | None = None, file: str | None = None) -> Snapshot:
    """The state now: at most 1,000 files in flight, then the 200 that ended last; of one batch or
    one file where named.

    The counts are always the space's.
    """
    with database.consistent():
        head = log.head(space_id)
        rows = UploadedFile.objects.filter(space_id=space_id).defer(*UNSEEN)
        if batch is not None:
            rows = rows.filter(batch=batch)
        if file is not None:
            rows = rows.filter(pk=file)
        found: list[UploadedFile] = []
        for status in ORDER:
            newest = rows.filter(status=status).order_by("-created_at", "-id")
            found += newest[: MOST_IN_FLIGHT - len(found)]
        ended = rows.filter(status__in=ENDED, finished_at__isnull=False)
        found += ended.order_by("-finished_at", "-id")[:MOST_ENDED]
    return Snapshot(head, [describe(row, head.slug) for row in found])


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
