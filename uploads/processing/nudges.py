"""Tells that a job waits: the runner in the server by the doorbell after the commit; workers on
machines of their own by a nudge, deferred in the transaction that queues the job.

Either may be lost or doubled without harm: what a worker takes is the queue's decision, and a sweep
finds what nobody was told of.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from uploads.publishing import doorbell

ENOUGH = 16  # a nudge makes a worker claim until nothing is left; so many wake as many workers


def waiting(file_id: UUID, *, at: datetime | None = None) -> None:
    """A file's job was queued; it is due now, or at a time."""
    if engine := _engine():
        engine.nudge(file_id, at=at)
    elif at is None:
        transaction.on_commit(doorbell.wake)


def taken(file_ids: Sequence[UUID]) -> None:
    """These jobs were claimed, so nobody needs to be told of them any more."""
    if file_ids and (engine := _engine()):
        engine.forget(file_ids)


def listening() -> int | None:
    """Workers' queues that somebody serves now; None where the server runs the jobs itself."""
    engine = _engine()
    return engine.listening() if engine else None


def _engine() -> Any:
    """The engine's nudges, imported only where it is the engine."""
    if settings.ENGINE != "procrastinate":
        return None
    return import_module("uploads.processing.engines.procrastinate_nudges")
