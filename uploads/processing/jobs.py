"""Every change of a file's status, and nothing else changes one.

Each function is one move of the table in the design: a compare-and-set on the row, its event and
counts, the doorbell after the commit. All are plain functions to be called inside a transaction
(`database.write`), and lock rows in one order: job, file, space, batch. What a worker writes is
fenced by the attempt that it claimed: a late or doubled message finds no row to change, and
`LostLease` says so.
"""

import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from uploads import storage
from uploads.errors import NotFound, QuotaReached, TooManyFiles, TooManyUploads, WrongState
from uploads.models import ENDED, Artifact, Batch, Job, Space, Status, Step, UploadedFile
from uploads.processing import children, nudges, queue
from uploads.processing.children import Inside
from uploads.publishing import doorbell, search
from uploads.publishing import log as stream
from uploads.publishing.events import moment
from uploads.statements import AtLeast, Plus, insert, insert_values, update

THUMBNAIL = "thumbnail.webp"
TOGETHER = 64  # files in one statement: databases bound its parameters
PATIENCE_SECONDS = 3600  # the longest pause before another try

_dice = random.Random()  # noqa: S311 - it spreads, and keeps no secret


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
    file = _row(arrival, status=Status.RECEIVING)
    insert([file])
    _admit(stream.created(file), file.size or 0)
    _admit_to_batch(arrival)
    return file


def receive(arrival: Arrival, *, sha256: str) -> UploadedFile:
    """A file that came whole with its creation: one event, already queued. Raises as `create`."""
    return receive_together([(arrival, sha256)])[0]


def receive_together(whole: Sequence[tuple[Arrival, str]]) -> list[UploadedFile]:
    """As `receive` for several files of one space, with their digests, at a fraction of the cost.

    When one is refused, none is taken.
    """
    now = timezone.now()
    files = [_received(arrival, sha256, now) for arrival, sha256 in whole]
    _admit(_take(files, now), sum(file.size or 0 for file in files))
    arrivals = sorted((arrival for arrival, _ in whole), key=lambda one: one.batch_total or 0)
    for arrival in {one.batch: one for one in arrivals}.values():
        _admit_to_batch(arrival)
    return files


def _take(files: Sequence[UploadedFile], now: datetime) -> Space:
    """New files of one space that are there whole; the space as that leaves it."""
    insert(files)
    _enqueue(files, now)
    return stream.created_together(files)


def _received(arrival: Arrival, sha256: str, now: datetime) -> UploadedFile:
    file = _row(arrival, status=Status.QUEUED)
    file.complete, file.received = True, arrival.size or 0
    file.received_at = max(now, file.created_at)  # its row is made after `now`
    file.sha256, file.expires_at = sha256, None
    return file


def complete(file_id: uuid.UUID, *, size: int, sha256: str) -> UploadedFile:
    """receiving → queued: every byte is stored. Raises WrongState when it was not receiving."""
    before = _locked(file_id)
    now = timezone.now()
    file = _move(
        file_id,
        Status.RECEIVING,
        status=Status.QUEUED,
        complete=True,
        size=size,
        received=size,
        sha256=sha256,
        received_at=now,
        expires_at=None,
    )
    _enqueue([file], now)
    stream.updated(file, Status.RECEIVING, used=size - (before.size or 0))
    return file


def announce_size(file_id: uuid.UUID, size: int) -> UploadedFile:
    """The length of an upload that was created without one. Raises WrongState when it was known,
    QuotaReached.
    """
    file = update(UploadedFile, {"size": size}, id=file_id, size=None, status=Status.RECEIVING)
    if file is None:
        _locked(file_id)
        raise WrongState("The length of this upload is known already and can't change.")
    _admit(stream.updated(file, Status.RECEIVING, used=size), size)
    return file


def extend(file_id: uuid.UUID, expires_at: datetime) -> None:
    """A byte has come: the unfinished upload lives until `expires_at`."""
    UploadedFile.objects.filter(pk=file_id, status=Status.RECEIVING).update(expires_at=expires_at)


def terminate(file_id: uuid.UUID) -> None:
    """receiving → gone. Raises WrongState when it was received already."""
    file = _locked(file_id)
    _need(file, Status.RECEIVING)
    _remove(file)


def _admit(space: Space, size: int) -> None:
    """Refuse what the space, as the change leaves it, does not hold; that undoes the change."""
    if space.receiving > settings.SPACE_OPEN_UPLOADS:
        raise TooManyUploads
    quota = space.quota_bytes if space.quota_bytes is not None else settings.SPACE_QUOTA_BYTES
    if quota and size and space.used_bytes > quota:
        used = space.used_bytes - size
        raise QuotaReached(f"The space holds {used} of {quota} bytes; {size} more do not fit.")


def _admit_to_batch(arrival: Arrival) -> None:
    """Refuse what the batch, which counts this file already, does not hold."""
    if arrival.batch is None:
        return
    change: dict[str, Any] = {"gone": Plus(0)}
    if arrival.batch_total is not None:  # they overtake each other: the most was told last
        change = {"total": AtLeast(arrival.batch_total)}
    batch = update(Batch, change, space_id=arrival.space_id, key=arrival.batch)
    if batch is not None:
        check_batch(sum(batch.counts.values()))


def check_batch(files: int) -> None:
    """Raises TooManyFiles for more than a batch may hold."""
    if files > settings.BATCH_MAX_FILES:
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
    file = _locked(file_id, with_job=True)
    if file.status == Status.RECEIVING:
        _remove(file)
        return None
    _need(file, Status.QUEUED, Status.PROCESSING)
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
    if children.depth(_locked(file_id, with_job=True)) >= settings.CHILD_DEPTH:
        deepest = settings.CHILD_DEPTH
        raise WrongState(f"The file came out of {deepest} others; deeper ones are not taken apart.")
    Job.objects.filter(pk=file_id).update(expand=True)
    return retry(file_id)


def retry(file_id: uuid.UUID) -> UploadedFile:
    """processed, failed, cancelled → queued. Raises WrongState otherwise."""
    file = _locked(file_id, with_job=True)
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
    nudges.waiting(file_id)
    return file


def delete(file_id: uuid.UUID) -> None:
    """any → gone; a running job is stopped, content and artifacts are removed. What came out of it
    stays, and loses its parent.
    """
    inside = Job.objects.filter(file__parent=file_id).select_related("file")
    orphans = list(inside.select_for_update(of=("self", "file")).order_by("pk"))
    _remove(_locked(file_id, with_job=True))
    for orphan in orphans:
        orphan.file.parent_id = None
        stream.updated(orphan.file, orphan.file.status)


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
    path: str = ""
    waited_seconds: float = 0.0
    tries: int = 1  # this one included
    depth: int = 0  # containers that it lies in
    expand: bool = False  # somebody asked for all that is inside
    worker: str | None = None


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
    detail: str | None = None  # of a failure, for the processor's author
    result: dict[str, Any] | None = None
    artifacts: Sequence[tuple[str, str, int]] = ()  # (name, media type, size)


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
    file = _move(file_id, Status.QUEUED, **change)
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


def renew(worker: str, attempts: Iterable[tuple[uuid.UUID, int]]) -> set[uuid.UUID]:
    """Lengthen the leases of a worker's jobs; returns those that are no longer its own."""
    held = dict(attempts)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    mine = Job.objects.filter(pk__in=list(held), worker=worker, state=Job.State.RUNNING)
    kept = {pk for pk, attempt in mine.values_list("pk", "attempt") if held[pk] == attempt}
    # what is locked is being written by this worker itself; its turn comes again before it is due
    free = mine.filter(pk__in=kept).select_for_update(skip_locked=True)
    mine.filter(pk__in=list(free.values_list("pk", flat=True))).update(lease_until=until)
    return set(held) - kept


def record(claimed: Claimed, steps: Sequence[StepRecord], running: dict[str, Any] | None) -> None:
    """Steps that began or ended; one event. `running` is the step of now. Raises LostLease."""
    held = Job.objects.select_for_update().filter(
        pk=claimed.file_id, attempt=claimed.attempt, state=Job.State.RUNNING
    )
    if not held.exists():
        raise LostLease
    _keep(claimed, steps)
    file = _move(claimed.file_id, Status.PROCESSING, step=running, **_drawn(claimed, steps))
    stream.updated(file, file.status)


def finish(
    claimed: Claimed,
    steps: Sequence[StepRecord],
    error: dict[str, Any] | None,
    words: str = "",
    inside: Inside | None = None,
) -> None:
    """processing → processed, or failed with `error` {code, message, step}; `words` are what the
    search finds it by, `inside` is what becomes files of their own. Raises LostLease.
    """
    _release(claimed, Job.State.ENDED, expand=False)
    _keep(claimed, steps)
    file = _end(claimed.file_id, error, **_drawn(claimed, steps))
    if inside:
        _send_on(file, inside)
    if words:
        search.index(file, words)
    if claimed.attempt > 1:
        _forget_old_attempts(claimed.file_id, claimed.attempt)


def _send_on(parent: UploadedFile, inside: Inside) -> None:
    """What came out of a file begins its own way, in no batch."""
    now = timezone.now()
    files = []
    for chosen in children.choose(parent, inside):
        arrival = Arrival(
            space_id=parent.space_id,
            uploader_id=parent.uploader_id,
            name=chosen.name,
            path=chosen.path,
            size=chosen.found.size,
            parent_id=parent.pk,
            id=chosen.found.id,
        )
        files.append(_received(arrival, chosen.found.sha256, now))
    for start in range(0, len(files), TOGETHER):
        _take(files[start : start + TOGETHER], now)


def postpone(
    claimed: Claimed,
    steps: Sequence[StepRecord],
    error: dict[str, Any],
    words: str = "",
    inside: Inside | None = None,
) -> datetime | None:
    """processing → queued, for what failed in a way that may pass: tried again after a while, until
    it was tried often enough; then as `finish`. Returns when, None where it has failed. Raises
    LostLease.
    """
    if claimed.tries >= settings.JOB_ATTEMPTS:
        finish(claimed, steps, error, words, inside)
        return None
    at = timezone.now() + timedelta(seconds=_patience(claimed.tries))
    _release(claimed, Job.State.QUEUED, run_after=at)
    _keep(claimed, steps)
    _requeued(claimed.file_id, at=at, **_drawn(claimed, steps))
    return at


def _patience(tries: int) -> float:
    """Seconds, four times as many after each try; a little apart, or all come back at once."""
    seconds: float = min(settings.RETRY_SECONDS * 4 ** (tries - 1), PATIENCE_SECONDS)
    return seconds * _dice.uniform(0.8, 1.2)


def give_back(claimed: Claimed) -> None:
    """processing → queued without counting the try: the worker stops. Raises LostLease."""
    _release(claimed, Job.State.QUEUED, tries=Plus(-1))
    _requeued(claimed.file_id)


def take_back(worker: str) -> int:
    """Sweep what a dead worker of this name still holds, at once; returns how many."""
    return _sweep(Job.objects.filter(state=Job.State.RUNNING, worker=worker))


def sweep() -> int:
    """Jobs whose lease ran out go back to the queue, or fail when they were tried often enough;
    returns how many.
    """
    return _sweep(Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=timezone.now()))


def _sweep(jobs: Any) -> int:
    lost = list(jobs.select_for_update(skip_locked=True).order_by("space_id", "pk")[:500])
    for job in lost:
        steps = Step.objects.filter(file=job.pk, attempt=job.attempt, status=Step.State.RUNNING)
        step = steps.values_list("name", flat=True).first()
        why = {"code": "worker_lost", "message": "The worker died during this step."}
        steps.update(status=Step.State.FAILED, error=why, finished_at=timezone.now())
        again = job.tries < settings.JOB_ATTEMPTS
        claimed = Claimed(job.pk, job.attempt, job.space_id, None, "", 0, None)
        _release(claimed, Job.State.QUEUED if again else Job.State.ENDED)
        if again:
            _requeued(job.pk)
        else:
            message = f"The worker died {job.tries} times while it processed this file."
            _end(job.pk, {"code": "worker_lost", "message": message, "step": step})
    return len(lost)


def note_silence() -> int:
    """Show the running steps of workers that are silent for too long as stalled, until their leases
    run out; returns how many.
    """
    now = timezone.now()
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    # a worker renews its leases in every third of their time: that much silence tells nothing
    latest = now + lease - max(timedelta(seconds=settings.STALL_SECONDS), lease / 2)
    silent = Job.objects.filter(state=Job.State.RUNNING, lease_until__range=(now, latest))
    noted = 0
    for job in silent.select_for_update(skip_locked=True).order_by("space_id", "pk")[:500]:
        file = UploadedFile.objects.get(pk=job.pk)
        if job.lease_until is None or not file.step or file.step.get("stalled_since"):
            continue
        shown = {**file.step, "eta_s": None, "stalled_since": moment(job.lease_until - lease)}
        stream.updated(_move(job.pk, Status.PROCESSING, step=shown), Status.PROCESSING)
        noted += 1
    return noted


def stands(claimed: Claimed) -> bool:
    """Whether the file has ended with this very attempt, so that what it saved must stay."""
    ended = UploadedFile.objects.filter(status__in=(Status.PROCESSED, Status.FAILED))
    return ended.filter(pk=claimed.file_id, attempt=claimed.attempt).exists()


def _release(claimed: Claimed, state: str, **changes: Any) -> None:
    """The fence: only the attempt that holds the job may let go of it."""
    changes |= {"state": state, "worker": "", "lease_until": None}
    place = {"file_id": claimed.file_id, "attempt": claimed.attempt, "state": Job.State.RUNNING}
    if update(Job, changes, **place) is None:
        raise LostLease


def _keep(claimed: Claimed, steps: Sequence[StepRecord]) -> None:
    rows = [
        Step(
            file_id=claimed.file_id,
            space_id=claimed.space_id,
            attempt=claimed.attempt,
            position=step.position,
            name=step.name,
            version=step.version,
            status=step.status,
            started_at=step.started_at,
            finished_at=step.finished_at,
            duration_ms=step.duration_ms,
            done=step.done,
            total=step.total,
            unit=step.unit,
            error=step.error,
            detail=step.detail,
            result=step.result,
            worker=claimed.worker,
        )
        for step in steps
    ]
    insert(rows, replace_by=("file_id", "attempt", "name"))
    insert(
        [
            Artifact(step=row, file_id=claimed.file_id, name=name, media_type=kind, size=size)
            for row, step in zip(rows, steps, strict=True)
            for name, kind, size in step.artifacts
        ],
        replace_by=("step_id", "name"),
    )


def _drawn(claimed: Claimed, steps: Sequence[StepRecord]) -> dict[str, Any]:
    """What steps tell of the file as a whole."""
    drawn: dict[str, Any] = {}
    for step in steps:
        if step.name == "identify" and step.result:
            drawn |= {"media_type": step.result["media_type"], "kind": step.result["kind"]}
        if any(name == THUMBNAIL for name, _, _ in step.artifacts):
            drawn["thumbnail"] = f"{step.name}/{THUMBNAIL}?attempt={claimed.attempt}"
    return drawn


def _end(file_id: uuid.UUID, error: dict[str, Any] | None, **drawn: Any) -> UploadedFile:
    status = Status.PROCESSED if error is None else Status.FAILED
    ended = {"status": status, "error": error, "step": None, "finished_at": timezone.now()}
    file = _move(file_id, Status.PROCESSING, **ended, **drawn)
    stream.updated(file, Status.PROCESSING)
    return file


def _requeued(file_id: uuid.UUID, *, at: datetime | None = None, **drawn: Any) -> None:
    file = _move(file_id, Status.PROCESSING, status=Status.QUEUED, step=None, **drawn)
    stream.updated(file, Status.PROCESSING)
    nudges.waiting(file_id, at=at)


def _enqueue(files: Sequence[UploadedFile], now: datetime) -> None:
    job = vars(Job(queued_at=now))
    insert_values(Job, [job | {"file_id": file.pk, "space_id": file.space_id} for file in files])
    for file in files:
        nudges.waiting(file.pk)


def _forget_old_attempts(file_id: uuid.UUID, attempt: int) -> None:
    """Keep this attempt and the one before that has results, for comparison."""
    Step.objects.filter(file=file_id, attempt__lt=attempt).update(space=None)
    earlier = Step.objects.filter(file=file_id, attempt__lt=attempt, status=Step.State.DONE)
    keep_from = earlier.aggregate(newest=Max("attempt"))["newest"]
    if keep_from is None:
        return
    old = Step.objects.filter(file=file_id, attempt__lt=keep_from)
    for gone in set(old.values_list("attempt", flat=True)):
        transaction.on_commit(partial(storage.remove_attempt, file_id, gone))
    old.delete()


# -- shared ----------------------------------------------------------------------------------------


def _locked(file_id: uuid.UUID, *, with_job: bool = False) -> UploadedFile:
    if with_job:
        Job.objects.select_for_update().filter(pk=file_id).first()
    file = UploadedFile.objects.select_for_update().filter(pk=file_id).first()
    if file is None:
        raise NotFound
    return file


def _need(file: UploadedFile, *statuses: str) -> None:
    if file.status not in statuses:
        raise _wrong_state(file, *statuses)


def _wrong_state(file: UploadedFile, *statuses: str) -> WrongState:
    allowed = " or ".join(str(status) for status in statuses)
    return WrongState(f"The file is {file.status}; that needs {allowed}.")


def _move(file_id: uuid.UUID, before: str, **changes: Any) -> UploadedFile:
    """Compare-and-set: the row as the change leaves it. Raises WrongState, NotFound."""
    file = update(UploadedFile, changes, id=file_id, status=before)
    if file is None:
        raise _wrong_state(_locked(file_id), before)
    return file
