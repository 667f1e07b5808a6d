"""Rows as the JSON that goes out, in the shapes of `events`.

What is built here is valid by construction (a test replays real traffic against the types), so
nothing is validated twice on the way out.
"""

from datetime import datetime
from typing import Any

from uploads.models import Batch, Pause, UploadedFile


def describe(file: UploadedFile, space: str) -> dict[str, Any]:
    """The JSON of a file (`File`); `space` is its space's slug."""
    return {
        "id": str(file.pk),
        "space": space,
        "name": file.name,
        "path": file.path,
        "size": file.size,
        "received": file.received,
        "media_type": file.media_type,
        "kind": file.kind,
        "sha256": file.sha256,
        "status": str(file.status),
        "batch": file.batch,
        "parent": None if file.parent_id is None else str(file.parent_id),
        "attempt": file.attempt,
        "created_at": moment(file.created_at),
        "finished_at": moment(file.finished_at),
        "step": file.step,
        "error": file.error,
        "thumbnail": f"/api/files/{file.pk}/artifacts/{file.thumbnail}" if file.thumbnail else None,
    }


def describe_batch(batch: Batch) -> dict[str, Any]:
    """The JSON of a batch (`Batch`).

    A batch has ended when nothing of it is in flight and, where its sender told a total, that many
    files have come.
    """
    return {
        "id": batch.key,
        "total": batch.total,
        "counts": batch.counts,
        "ended": has_ended(batch),
    }


def describe_pause(pause: Pause) -> dict[str, Any]:
    """The JSON of a pause (`QueuePause`)."""
    return {
        "scope": "server" if pause.space_id is None else "space",
        "by": None if pause.by is None else pause.by.get_username(),
        "reason": pause.reason,
        "since": moment(pause.since),
        "until": moment(pause.until),
    }


def has_ended(batch: Batch) -> bool:
    """Whether every file of the batch has ended or is gone."""
    ended = batch.processed + batch.failed + batch.cancelled + batch.gone
    in_flight = batch.receiving + batch.queued + batch.processing
    return not in_flight and ended > 0 and ended >= (batch.total or 0)


def moment(at: datetime | None) -> str | None:
    """A time as JSON holds it: UTC, milliseconds, `Z`."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
