"""The steps that every move of a status is made of; only its siblings may import it."""

import uuid
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from uploads import storage
from uploads.errors import NotFound, WrongState
from uploads.models import Artifact, Job, Status, UploadedFile
from uploads.processing import nudges
from uploads.publishing import doorbell
from uploads.publishing import log as stream
from uploads.statements import update


def end(file_id: uuid.UUID, error: dict[str, Any] | None, **drawn: Any) -> UploadedFile:
    """processing → processed, or failed where there is an error."""
    status = Status.PROCESSED if error is None else Status.FAILED
    ended = {"status": status, "error": error, "step": None, "finished_at": timezone.now()}
    file = move(file_id, Status.PROCESSING, **ended, **drawn)
    stream.updated(file, Status.PROCESSING)
    return file


def requeue(file_id: uuid.UUID, *, at: datetime | None = None, **drawn: Any) -> None:
    """processing → queued, at once or `at` its time."""
    file = move(file_id, Status.PROCESSING, status=Status.QUEUED, step=None, **drawn)
    stream.updated(file, Status.PROCESSING)
    nudges.waiting(file_id, at=at)


def remove(file: UploadedFile) -> None:
    """any → gone, once the file is locked."""
    file_id, before = file.pk, file.status
    stream.deleted(file, before)
    Artifact.objects.filter(file=file_id).delete()
    file.delete()
    transaction.on_commit(partial(doorbell.stop, str(file_id)))
    transaction.on_commit(partial(storage.remove, file_id))


def move(file_id: uuid.UUID, before: str, **changes: Any) -> UploadedFile:
    """Compare-and-set: the row as the change leaves it. Raises WrongState, NotFound."""
    file = update(UploadedFile, changes, id=file_id, status=before)
    if file is None:
        raise _wrong_state(locked(file_id), before)
    return file


def locked(file_id: uuid.UUID, *, with_job: bool = False) -> UploadedFile:
    """The row, which nobody else changes until the transaction ends. Raises NotFound."""
    if with_job:
        Job.objects.select_for_update().filter(pk=file_id).first()
    file = UploadedFile.objects.select_for_update().filter(pk=file_id).first()
    if file is None:
        raise NotFound
    return file


def need(file: UploadedFile, *statuses: str) -> None:
    """Raises WrongState unless the file has one of them."""
    if file.status not in statuses:
        raise _wrong_state(file, *statuses)


def _wrong_state(file: UploadedFile, *statuses: str) -> WrongState:
    allowed = " or ".join(str(status) for status in statuses)
    return WrongState(f"The file is {file.status}; that needs {allowed}.")
