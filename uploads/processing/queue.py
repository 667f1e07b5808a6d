"""What is to be done next, and whether: the only module that knows the queue's order.

Spaces take turns, the one with the least running first, so that one's ten thousand files do not
starve another's one. Within a space the higher priority comes first, then the older. A space whose
queue is paused is passed over; what runs there goes on. The same statements serve SQLite and
Postgres, where workers pass by what another is just taking.
"""

import heapq
import uuid
from collections import Counter
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from uploads.models import Job

# Spaces with something due: from one to the next by the index of what waits, however many files
# and spaces there are.
_WAITING = """
    WITH RECURSIVE waiting(id) AS (
        SELECT (SELECT min(space_id) FROM uploads_job WHERE state = 'queued')
        UNION ALL
        SELECT (SELECT min(space_id) FROM uploads_job
                WHERE state = 'queued' AND space_id > waiting.id)
        FROM waiting WHERE waiting.id IS NOT NULL
    )
    SELECT space.id, space.processing
    FROM waiting JOIN uploads_space space ON space.id = waiting.id
    WHERE EXISTS (SELECT 1 FROM uploads_job job
                  WHERE job.space_id = space.id AND job.state = 'queued'
                  AND (job.run_after IS NULL OR job.run_after <= %s))
    ORDER BY space.processing, space.id
    LIMIT %s
"""


def take(limit: int, now: datetime) -> list[uuid.UUID]:
    """Files of up to `limit` queued jobs that are due, locked until the transaction ends; by space,
    so that whoever locks several spaces does it in one order.
    """
    taken: dict[uuid.UUID, int] = {}
    loads = _waiting(limit, now)
    while loads and len(taken) < limit:
        turns = _turns(loads, limit - len(taken))
        for space_id in sorted(turns):
            more = _due(space_id, now).exclude(pk__in=list(taken))  # own locks are not passed by
            found = list(more.values_list("pk", flat=True)[: turns[space_id]])
            taken |= dict.fromkeys(found, space_id)
            loads[space_id] += len(found)
            if len(found) < turns[space_id]:
                del loads[space_id]
    return sorted(taken, key=taken.__getitem__)


def _waiting(limit: int, now: datetime) -> dict[int, int]:
    """How much runs in each space that waits, the first `limit` of them."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [connection.ops.adapt_datetimefield_value(now), limit])
        return dict(cursor.fetchall())


def _turns(loads: dict[int, int], count: int) -> Counter[int]:
    """Who gets how many of `count` turns: each goes to the space with the least running."""
    order = [(load, space_id) for space_id, load in loads.items()]
    heapq.heapify(order)
    turns: Counter[int] = Counter()
    for _ in range(count):
        load, space_id = order[0]
        turns[space_id] += 1
        heapq.heapreplace(order, (load + 1, space_id))
    return turns


def _due(space_id: int, now: datetime) -> QuerySet[Job]:
    queued = Job.objects.filter(space=space_id, state=Job.State.QUEUED)
    due = queued.filter(Q(run_after=None) | Q(run_after__lte=now))
    return due.select_for_update(skip_locked=True).order_by("-priority", "queued_at")
