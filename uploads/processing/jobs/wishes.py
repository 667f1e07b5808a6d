"""What people ask for: cancel, retry, take further apart, delete."""

import uuid
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from uploads.errors import WrongState
from uploads.models import ENDED, Job, Status, Step, UploadedFile
from uploads.processing import children, nudges
from uploads.processing.jobs import moves
from uploads.publishing import doorbell
from uploads.publishing import log as stream


def cancel(file_id: uuid.UUID) -> UploadedFile | None:
    """queued, processing → cancelled; receiving → gone (None). Raises WrongState for what has
    ended.
    """
    file = moves.locked(file_id, with_job=True)
    if file.status == Status.RECEIVING:
        moves.remove(file)
        return None
    moves.need(file, Status.QUEUED, Status.PROCESSING)
    before = file.status
    now = timezone.now()
    file.status, file.finished_at, file.step = Status.CANCELLED, now, None
    file.save(update_fields=["status", "finished_at", "step"])
    ended = {"state": Job.State.ENDED, "worker": "", "lease_until": None, "expand": False}
    Job.objects.filter(pk=file_id).update(**ended)
    Step.objects.filter(file=file_id, status=Step.State.RUNNING).update(
        status=Step.State.SKIPPED, finished_at=now
    )
    stream.updated(file, before)
    transaction.on_commit(partial(doorbell.stop, str(file_id)))
    return file


def expand(file_id: uuid.UUID) -> UploadedFile:
    """As `retry`, and all that is inside is sent on. Raises WrongState for what lies too deep."""
    if children.depth(moves.locked(file_id, with_job=True)) >= settings.CHILD_DEPTH:
        deepest = settings.CHILD_DEPTH
        raise WrongState(f"The file came out of {deepest} others; deeper ones are not taken apart.")
    Job.objects.filter(pk=file_id).update(expand=True)
    return retry(file_id)


def retry(file_id: uuid.UUID) -> UploadedFile:
    """processed, failed, cancelled → queued. Raises WrongState otherwise."""
    file = moves.locked(file_id, with_job=True)
    moves.need(file, *ENDED)
    before = file.status
    file.status, file.finished_at, file.error, file.step = Status.QUEUED, None, None, None
    file.save(update_fields=["status", "finished_at", "error", "step"])
    changed = Job.objects.filter(pk=file_id).update(
        state=Job.State.QUEUED,
        tries=0,
        queued_at=timezone.now(),
        run_after=None,
        worker="",
        lease_until=None,
    )
    if not changed:
        raise WrongState
    stream.updated(file, before)
    nudges.waiting(file_id)
    return file


def delete(file_id: uuid.UUID) -> None:
    """any → gone; a running job is stopped, content and artifacts are removed. What came out of it
    stays, and loses its parent.
    """
    inside = Job.objects.filter(file__parent=file_id).select_related("file")
    orphans = list(inside.select_for_update(of=("self", "file")).order_by("pk"))
    moves.remove(moves.locked(file_id, with_job=True))
    for orphan in orphans:
        orphan.file.parent_id = None
        stream.updated(orphan.file, orphan.file.status)
