"""Turns at processors of which only so many may run at once (PROCESSOR_CONCURRENCY), counted over
all machines: what an outside service allows, or a licence.

A turn belongs to an attempt. One whose attempt is over counts no more, so nothing is blocked by a
worker that died. Plain functions, to be called inside a transaction.
"""

from django.db import connection
from django.db.models import F

from uploads.models import Job, Turn
from uploads.processing.jobs.leases import Claimed


def take(processor: str, most: int, claimed: Claimed) -> bool:
    """Whether this attempt may run the processor now; it must `leave` afterwards."""
    _one_at_a_time(processor)
    turns = Turn.objects.filter(processor=processor)
    turns.exclude(file__job__state=Job.State.RUNNING, file__job__attempt=F("attempt")).delete()
    if turns.count() >= most:
        return False
    Turn.objects.create(processor=processor, file_id=claimed.file_id, attempt=claimed.attempt)
    return True


def leave(processor: str, claimed: Claimed) -> None:
    """Let the next have its turn."""
    Turn.objects.filter(processor=processor, file=claimed.file_id, attempt=claimed.attempt).delete()


def _one_at_a_time(processor: str) -> None:
    """Until the transaction ends nobody else counts this processor's turns; SQLite has one writer
    anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"turn {processor}"])
