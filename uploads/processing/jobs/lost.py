"""Jobs of workers that died, and the silence of those that may have."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from uploads.models import Job, Status, Step, UploadedFile
from uploads.processing.jobs import leases, moves
from uploads.publishing import log as stream
from uploads.publishing.describing import moment


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
        leases.release(job.pk, job.attempt, Job.State.QUEUED if again else Job.State.ENDED)
        if again:
            moves.requeue(job.pk)
        else:
            message = f"The worker died {job.tries} times while it processed this file."
            moves.end(job.pk, {"code": "worker_lost", "message": message, "step": step})
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
        stream.updated(moves.move(job.pk, Status.PROCESSING, step=shown), Status.PROCESSING)
        noted += 1
    return noted
