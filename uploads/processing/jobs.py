"""Every change of a file's status, and nothing else changes one.

Each function is one move of the table in the design: a compare-and-set on the row, its event and
counts, the doorbell after the commit. All are plain functions to be called inside a transaction
(`database.write`). What a worker writes is fenced by the attempt that it claimed: a late or doubled
message finds no row to change, and `LostLease` says so.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from uploads.errors import NotFound, QuotaReached, TooManyFiles, TooManyUploads, WrongState
from uploads.models import ENDED, Artifact, Batch, Job, Space, Status, Step, UploadedFile
from uploads.publishing import doorbell
from uploads.publishing import log as stream
from uploads import storage


class LostLease(Exception):
    """The job is no longer this worker's: cancelled, deleted, or given to another attempt."""


@dataclass(frozen=True)
class Arrival:
    """What is known of a file when its upload is created."""

    space_id: int
    uploader_id: int | None
    name: str
    path: str = ""
    size: int | None = None
    batch: str | None = None
    batch_total: int | None = None
    metadata: str = ""
    expected_sha256: str | None = None
    expires_at: datetime | None = None
    parent_id: uuid.UUID | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


# -- receiving -------------------------------------------------------------------------------------


def create(arrival: Arrival) -> UploadedFile:
    """A file begins to be received. Raises QuotaReached, TooManyUploads, TooManyFiles."""
    _admit(arrival)
    file = _row(arrival, status=Status.RECEIVING)
    file.save(force_insert=True)
    stream.created(file)
    return file


def receive(arrival: Arrival, *, sha256: str) -> UploadedFile:
    """A file that came whole with its creation: one event, already queued. Raises as `create`."""
    _admit(arrival)
    now = timezone.now()
    file = _row(arrival, status=Status.QUEUED)
    file.complete, file.received, file.received_at, file.sha256 = (
        True,
        arrival.size or 0,
        now,
        sha256,
    )
    file.expires_at = None
    file.save(force_insert=True)
    _enqueue(file, now)
    stream.created(file)
    return file


def complete(file_id: uuid.UUID, *, size: int, sha256: str) -> UploadedFile:
    """receiving → queued: every byte is stored. Raises WrongState when it was not receiving."""
    file = _locked(file_id)
    _need(file, Status.RECEIVING)
    now = timezone.now()
    grown = size - (file.size or 0)
    file.status, file.complete, file.size, file.received = Status.QUEUED, True, size, size
    file.sha256, file.received_at, file.expires_at = sha256, now, None
    file.save()
    _enqueue(file, now)
    stream.updated(file, Status.RECEIVING, used=grown)
    return file


def announce_size(file_id: uuid.UUID, size: int) -> UploadedFile:
    """The length of an upload that was created without one. Raises WrongState when it was known,
    QuotaReached.
    """
    file = _locked(file_id)
    if file.size is not None or file.status != Status.RECEIVING:
        raise WrongState("The length of this upload is known already and can't change.")
    _admit_bytes(Space.objects.get(pk=file.space_id), size)
    file.size = size
    file.save(update_fields=["size"])
    stream.updated(file, Status.RECEIVING, used=size)
    return file


def extend(file_id: uuid.UUID, expires_at: datetime) -> None:
    """A byte has come: the unfinished upload lives until `expires_at`."""
    UploadedFile.objects.filter(pk=file_id, status=Status.RECEIVING).update(expires_at=expires_at)


def terminate(file_id: uuid.UUID) -> None:
    """receiving → gone. Raises WrongState when it was received already."""
    file = _locked(file_id)
    _need(file, Status.RECEIVING)
    _remove(file)


def _admit(arrival: Arrival) -> None:
    space = Space.objects.select_for_update().get(pk=arrival.space_id)
    if space.receiving >= settings.SPACE_OPEN_UPLOADS:
        raise TooManyUploads
    _admit_bytes(space, arrival.size or 0)
    if arrival.batch is not None:
        _admit_to_batch(arrival, arrival.batch)


def _admit_bytes(space: Space, size: int) -> None:
    quota = space.quota_bytes if space.quota_bytes is not None else settings.SPACE_QUOTA_BYTES
    if quota and space.used_bytes + size > quota:
        raise QuotaReached(
            f"The space holds {space.used_bytes} of {quota} bytes; {size} more do not fit."
        )


def _admit_to_batch(arrival: Arrival, key: str) -> None:
    batch, _ = Batch.objects.get_or_create(
        space_id=arrival.space_id, key=key, defaults={"total": arrival.batch_total}
    )
    if arrival.batch_total is not None and batch.total != arrival.batch_total:
        batch.total = arrival.batch_total
        batch.save(update_fields=["total"])
    if sum(batch.counts.values()) >= settings.BATCH_MAX_FILES:
        raise TooManyFiles(f"A batch holds at most {settings.BATCH_MAX_FILES} files.")


def _row(arrival: Arrival, status: Status) -> UploadedFile:
    return UploadedFile(
        id=arrival.id,
        space_id=arrival.space_id,
        uploader_id=arrival.uploader_id,
        name=arrival.name,
        path=arrival.path,
        size=arrival.size,
        batch=arrival.batch,
        metadata=arrival.metadata,
        expected_sha256=arrival.expected_sha256,
        expires_at=arrival.expires_at,
        parent_id=arrival.parent_id,
        status=status,
    )


# -- what people ask for ---------------------------------------------------------------------------


def cancel(file_id: uuid.UUID) -> UploadedFile | None:
    """queued, processing → cancelled; receiving → gone (None). Raises WrongState for what has
    ended.
    """
    file = _locked(file_id)
    if file.status == Status.RECEIVING:
        _remove(file)
        return None
    _need(file, Status.QUEUED, Status.PROCESSING)
    before = file.status
    now = timezone.now()
    file.status, file.finished_at, file.step = Status.CANCELLED, now, None
    file.save(update_fields=["status", "finished_at", "step"])
    Job.objects.filter(pk=file_id).update(state=Job.State.ENDED, worker="", lease_until=None)
    Step.objects.filter(file=file_id, status=Step.State.RUNNING).update(
        status=Step.State.SKIPPED, finished_at=now
    )
    stream.updated(file, before)
    transaction.on_commit(partial(doorbell.stop, str(file_id)))
    return file


def retry(file_id: uuid.UUID) -> UploadedFile:
    """processed, failed, cancelled → queued. Raises WrongState otherwise."""
    file = _locked(file_id)
    _need(file, *ENDED)
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
    transaction.on_commit(doorbell.wake)
    return file


def delete(file_id: uuid.UUID) -> None:
    """any → gone; a running job is stopped, content and artifacts are removed."""
    _remove(_locked(file_id))


def _remove(file: UploadedFile) -> None:
    file_id, before = file.pk, file.status
    stream.deleted(file, before)
    Artifact.objects.filter(file=file_id).delete()
    file.delete()
    transaction.on_commit(partial(doorbell.stop, str(file_id)))
    transaction.on_commit(partial(storage.remove, file_id))


# -- working ---------------------------------------------------------------------------------------


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


@dataclass
class StepRecord:
    """One step's run as the worker saw it."""

    name: str
    version: int
    position: int
    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    done: float | None = None
    total: float | None = None
    unit: str | None = None
    error: dict[str, str] | None = None
    result: dict[str, Any] | None = None
    artifacts: Sequence[tuple[str, str, int]] = ()  # (name, media type, size)


def copy_of(step: StepRecord) -> StepRecord:
    """The step as it is now, for a write that happens later."""
    return replace(step)


def claim(worker: str, limit: int) -> list[Claimed]:
    """Up to `limit` jobs, in our order: the space with the least running first, there by priority,
    then by age.
    """
    claimed: list[Claimed] = []
    now = timezone.now()
    while len(claimed) < limit:
        job = _next(now)
        if job is None:
            break
        claimed.append(_start(job, worker, now))
    return claimed


def _next(now: datetime) -> Job | None:
    waiting = Space.objects.filter(queued__gt=0).order_by("processing", "pk")
    for space_id in waiting.values_list("pk", flat=True):
        jobs = Job.objects.select_for_update(skip_locked=True).filter(
            space=space_id, state=Job.State.QUEUED
        )
        due = jobs.exclude(run_after__gt=now).order_by("-priority", "queued_at")
        if (job := due.first()) is not None:
            return job
    return None


def _start(job: Job, worker: str, now: datetime) -> Claimed:
    job.state, job.worker = Job.State.RUNNING, worker
    job.attempt, job.tries = job.attempt + 1, job.tries + 1
    job.lease_until = now + timedelta(seconds=settings.LEASE_SECONDS)
    job.save()
    file = UploadedFile.objects.get(pk=job.pk)
    before = file.status
    file.status, file.attempt, file.error, file.step = Status.PROCESSING, job.attempt, None, None
    file.save(update_fields=["status", "attempt", "error", "step"])
    stream.updated(file, before)
    return Claimed(
        file.pk, job.attempt, file.space_id, file.batch, file.name, file.size or 0, file.sha256
    )


def renew(worker: str, attempts: Iterable[tuple[uuid.UUID, int]]) -> set[uuid.UUID]:
    """Lengthen the leases of a worker's jobs; returns those that are no longer its own."""
    held = dict(attempts)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    mine = Job.objects.filter(pk__in=list(held), worker=worker, state=Job.State.RUNNING)
    kept = {pk for pk, attempt in mine.values_list("pk", "attempt") if held[pk] == attempt}
    Job.objects.filter(pk__in=kept, worker=worker, state=Job.State.RUNNING).update(
        lease_until=until
    )
    return set(held) - kept


def record(claimed: Claimed, steps: Sequence[StepRecord], running: dict[str, Any] | None) -> None:
    """Steps that began or ended; one event. `running` is the step of now. Raises LostLease."""
    file = _leased(claimed)
    _keep(file, claimed.attempt, steps)
    file.step = running
    file.save()
    stream.updated(file, file.status)


def finish(claimed: Claimed, steps: Sequence[StepRecord], error: dict[str, Any] | None) -> None:
    """processing → processed, or failed with `error` {code, message, step}. Raises LostLease."""
    file = _leased(claimed)
    _keep(file, claimed.attempt, steps)
    _end(file, Status.PROCESSED if error is None else Status.FAILED, error)
    _forget_old_attempts(file)


def give_back(claimed: Claimed) -> None:
    """processing → queued without counting the try: the worker stops. Raises LostLease."""
    file = _leased(claimed)
    Job.objects.filter(pk=file.pk).update(tries=F("tries") - 1)
    _requeue(file)


def take_back(worker: str) -> int:
    """Sweep what a dead worker of this name still holds, at once; returns how many."""
    return _sweep(Job.objects.filter(state=Job.State.RUNNING, worker=worker))


def sweep() -> int:
    """Jobs whose lease ran out go back to the queue, or fail when they were tried often enough;
    returns how many.
    """
    return _sweep(Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=timezone.now()))


def _sweep(jobs: Any) -> int:
    lost = list(jobs.select_for_update(skip_locked=True).order_by("lease_until")[:500])
    for job in lost:
        file = UploadedFile.objects.get(pk=job.pk)
        Step.objects.filter(file=file, attempt=job.attempt, status=Step.State.RUNNING).update(
            status=Step.State.FAILED,
            error={"code": "worker_lost", "message": "The worker died during this step."},
        )
        if job.tries < settings.JOB_ATTEMPTS:
            _requeue(file)
        else:
            step = file.step["name"] if file.step else None
            message = f"The worker died {job.tries} times while it processed this file."
            _end(file, Status.FAILED, {"code": "worker_lost", "message": message, "step": step})
    return len(lost)


def _leased(claimed: Claimed) -> UploadedFile:
    held = Job.objects.select_for_update().filter(
        pk=claimed.file_id, attempt=claimed.attempt, state=Job.State.RUNNING
    )
    if not held.exists():
        raise LostLease
    return UploadedFile.objects.get(pk=claimed.file_id)


def _keep(file: UploadedFile, attempt: int, steps: Sequence[StepRecord]) -> None:
    for step in steps:
        values = {
            "position": step.position,
            "version": step.version,
            "status": step.status,
            "started_at": step.started_at,
            "finished_at": step.finished_at,
            "duration_ms": step.duration_ms,
            "done": step.done,
            "total": step.total,
            "unit": step.unit,
            "error": step.error,
            "result": step.result,
        }
        row, _ = Step.objects.update_or_create(
            file=file, attempt=attempt, name=step.name, defaults=values
        )
        Artifact.objects.bulk_create(
            [
                Artifact(step=row, file=file, name=name, media_type=kind, size=size)
                for name, kind, size in step.artifacts
            ],
            ignore_conflicts=True,
        )
        _draw(file, attempt, step)


def _draw(file: UploadedFile, attempt: int, step: StepRecord) -> None:
    """What a step tells of the file as a whole."""
    if step.name == "identify" and step.result:
        file.media_type, file.kind = step.result["media_type"], step.result["kind"]
    if any(name == "thumbnail.webp" for name, _, _ in step.artifacts):
        file.thumbnail = f"{step.name}/thumbnail.webp?attempt={attempt}"


def _end(file: UploadedFile, status: Status, error: dict[str, Any] | None) -> None:
    before = file.status
    file.status, file.error, file.step, file.finished_at = status, error, None, timezone.now()
    file.save()
    Job.objects.filter(pk=file.pk).update(state=Job.State.ENDED, worker="", lease_until=None)
    stream.updated(file, before)


def _requeue(file: UploadedFile) -> None:
    before = file.status
    file.status, file.step = Status.QUEUED, None
    file.save(update_fields=["status", "step"])
    Job.objects.filter(pk=file.pk).update(state=Job.State.QUEUED, worker="", lease_until=None)
    stream.updated(file, before)
    transaction.on_commit(doorbell.wake)


def _enqueue(file: UploadedFile, now: datetime) -> None:
    Job.objects.create(file=file, space_id=file.space_id, queued_at=now)
    transaction.on_commit(doorbell.wake)


def _forget_old_attempts(file: UploadedFile) -> None:
    """Keep this attempt and the one before that has results, for comparison."""
    earlier = Step.objects.filter(file=file, attempt__lt=file.attempt, status=Step.State.DONE)
    keep_from = earlier.aggregate(newest=Max("attempt"))["newest"]
    if keep_from is None:
        return
    old = Step.objects.filter(file=file, attempt__lt=keep_from)
    oldest = old.aggregate(oldest=Min("attempt"))["oldest"]
    if oldest is None:
        return
    old.delete()
    for attempt in range(oldest, keep_from):
        transaction.on_commit(partial(storage.remove_attempt, file.pk, attempt))


# -- shared ----------------------------------------------------------------------------------------


def _locked(file_id: uuid.UUID) -> UploadedFile:
    file = UploadedFile.objects.select_for_update().filter(pk=file_id).first()
    if file is None:
        raise NotFound
    return file


def _need(file: UploadedFile, *statuses: str) -> None:
    if file.status not in statuses:
        allowed = " or ".join(str(status) for status in statuses)
        raise WrongState(f"The file is {file.status}; that needs {allowed}.")
