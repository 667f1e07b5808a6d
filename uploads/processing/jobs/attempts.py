"""What an attempt writes: its steps as they go, and how it ended.

Each function raises `LostLease` where the attempt holds the job no more.
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from uploads import storage
from uploads.models import Artifact, Job, Status, Step
from uploads.processing.children import Inside
from uploads.processing.jobs import arrivals, leases, moves
from uploads.processing.jobs.leases import Claimed
from uploads.publishing import log as stream
from uploads.publishing import search
from uploads.statements import Plus, insert

THUMBNAIL = "thumbnail.webp"
PATIENCE_SECONDS = 3600  # the longest pause before another try

_dice = random.Random()  # noqa: S311 - it spreads, and keeps no secret


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


def record(claimed: Claimed, steps: Sequence[StepRecord], running: dict[str, Any] | None) -> None:
    """Steps that began or ended; one event. `running` is the step of now. Raises LostLease."""
    leases.hold(claimed)
    _keep(claimed, steps)
    drawn = _drawn(claimed, steps)
    file = moves.move(claimed.file_id, Status.PROCESSING, step=running, **drawn)
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
    leases.release(claimed.file_id, claimed.attempt, Job.State.ENDED, expand=False)
    _keep(claimed, steps)
    file = moves.end(claimed.file_id, error, **_drawn(claimed, steps))
    if inside:
        arrivals.send_on(file, inside)
    if words:
        search.index(file, words)
    if claimed.attempt > 1:
        _forget_old_attempts(claimed.file_id, claimed.attempt)


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
    leases.release(claimed.file_id, claimed.attempt, Job.State.QUEUED, run_after=at)
    _keep(claimed, steps)
    moves.requeue(claimed.file_id, at=at, **_drawn(claimed, steps))
    return at


def _patience(tries: int) -> float:
    """Seconds, four times as many after each try; a little apart, or all come back at once."""
    seconds: float = min(settings.RETRY_SECONDS * 4 ** (tries - 1), PATIENCE_SECONDS)
    return seconds * _dice.uniform(0.8, 1.2)


def give_back(claimed: Claimed) -> None:
    """processing → queued without counting the try: the worker stops. Raises LostLease."""
    leases.release(claimed.file_id, claimed.attempt, Job.State.QUEUED, tries=Plus(-1))
    moves.requeue(claimed.file_id)


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
