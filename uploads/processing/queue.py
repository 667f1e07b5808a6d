"""What is to be done next, and whether: the only module that knows the queue's order and pauses.

Spaces take turns, the one with the least running first, so that one's ten thousand files do not
starve another's one. Within a space the higher priority comes first, then the older. A space whose
queue is paused is passed over; what runs there goes on. The same statements serve SQLite and
Postgres, where workers pass by what another is just taking. All functions are plain, to be called
inside a transaction (`database.write`) or by `database.read`.
"""

import heapq
import uuid
from collections import Counter
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from uploads.errors import NotFound
from uploads.models import Job, Pause
from uploads.processing import nudges
from uploads.publishing import doorbell

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
    AND NOT EXISTS (SELECT 1 FROM uploads_pause pause
                    WHERE (pause.space_id IS NULL OR pause.space_id = space.id)
                    AND (pause.until IS NULL OR pause.until > %s))
    ORDER BY space.processing, space.id
    LIMIT %s
"""

_DUE = """
    SELECT file_id FROM uploads_job
    WHERE space_id = %s AND state = 'queued' AND (run_after IS NULL OR run_after <= %s)
    ORDER BY priority DESC, queued_at
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
            # own locks are not passed by
            found = [
                one for one in _due(space_id, now, turns[space_id] + len(taken)) if one not in taken
            ]
            found = found[: turns[space_id]]
            taken |= dict.fromkeys(found, space_id)
            loads[space_id] += len(found)
            if len(found) < turns[space_id]:
                del loads[space_id]
    return sorted(taken, key=taken.__getitem__)


def _waiting(limit: int, now: datetime) -> dict[int, int]:
    """How much runs in each space that waits, the first `limit` of them."""
    with connection.cursor() as cursor:
        moment = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(_WAITING, [moment, moment, limit])
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


def _due(space_id: int, now: datetime, limit: int) -> list[uuid.UUID]:
    """The first jobs of a space that are due, locked."""
    passing = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        moment = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(_DUE + passing, [space_id, moment, limit])
        return [uuid.UUID(str(file_id)) for (file_id,) in cursor.fetchall()]


# -- what people say -------------------------------------------------------------------------------


def place(file_id: uuid.UUID) -> int | None:
    """How many of its space's queued jobs come before this one; None when it is not queued."""
    job = Job.objects.filter(pk=file_id, state=Job.State.QUEUED).first()
    if job is None:
        return None
    higher = Q(priority__gt=job.priority)
    older = Q(priority=job.priority, queued_at__lt=job.queued_at)
    return Job.objects.filter(higher | older, space=job.space_id, state=Job.State.QUEUED).count()


def prioritise(file_id: uuid.UUID, priority: int) -> None:
    """Higher comes first within its space; it holds for later attempts too. Raises NotFound."""
    if not Job.objects.filter(pk=file_id).update(priority=priority):
        raise NotFound


def pause(
    space_id: int | None, *, by: int | None = None, reason: str = "", until: datetime | None = None
) -> Pause:
    """Begin no new jobs: in a space, or anywhere where None; until then, or until it is resumed. A
    pause that is there already is replaced; of several who pause at once, one is the last.
    """
    said = {"by_id": by, "reason": reason[:500], "until": until, "since": timezone.now()}
    one: dict[str, Any] = {"space_id": space_id}
    transaction.on_commit(doorbell.queue)
    return Pause.objects.update_or_create(**one, defaults=said)[0]


def resume(space_id: int | None) -> bool:
    """End the pause of a space, or of everything; False when there was none."""
    gone, _ = Pause.objects.filter(_of(space_id)).delete()
    transaction.on_commit(doorbell.queue)
    _wake(space_id)
    return bool(gone)


def _of(space_id: int | None) -> Q:
    return Q(space__isnull=True) if space_id is None else Q(space=space_id)


def end_pauses() -> int:
    """Forget the pauses whose time is over, and go on with what waited; how many."""
    over = list(Pause.objects.filter(until__lte=timezone.now()).values_list("pk", "space"))
    for pk, space_id in over:
        Pause.objects.filter(pk=pk).delete()
        _wake(space_id)
    if over:
        transaction.on_commit(doorbell.queue)
    return len(over)


def _wake(space_id: int | None) -> None:
    queued = Job.objects.filter(state=Job.State.QUEUED)
    if space_id is not None:
        queued = queued.filter(space=space_id)
    for file_id in queued.values_list("pk", flat=True)[: nudges.ENOUGH]:
        nudges.waiting(file_id)
