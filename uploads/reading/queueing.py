"""`/api/queue/`: how the queue stands, and what managers command: pause, resume, priority."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from ninja import Path, Query, Router

from project import database
from uploads.access import rights
from uploads.access.rights import Access
from uploads.errors import BadRequest, WrongState
from uploads.models import Role, Space, Status
from uploads.processing import queue, waiting
from uploads.publishing.describing import describe_pause, moment
from uploads.publishing.events import FileDetail
from uploads.publishing.standing import pauses
from uploads.reading import doors, whose
from uploads.reading.files import described_wait, detail
from uploads.reading.shapes import PLACES, NewPause, NewPriority, Queue, QueueQuery
from uploads.reading.whose import Asker

log = structlog.get_logger(__name__)
router = Router(tags=["queue"])


@doors.get(router, "queue/", Queue, operation_id="getQueue", summary="How the queue stands")
async def get_queue(request: HttpRequest, query: Query[QueueQuery]) -> HttpResponseBase:
    """What waits and runs in the space, who has paused it and why, and files' places."""
    return doors.answer(await database.read(_queue, rights.here(request), query.files))


def _queue(place: Access, files: list[UUID]) -> dict[str, Any]:
    space = Space.objects.get(pk=place.space_id)
    wanted = files or waiting.first(space.pk, place.user_id, PLACES)
    waits = waiting.of(space, wanted)
    return standing(space) | {
        "files": [
            {"id": str(pk), **described_wait(waits[pk])}
            for pk in sorted(waits, key=lambda pk: waits[pk].place)
        ]
    }


def standing(space: Space) -> dict[str, Any]:
    """The queue's JSON (`shapes.Queue`) without places. Sync."""
    return {
        "waiting": space.queued,
        "running": space.processing,
        "wait_s": waiting.pace(space).until(space.queued) if space.queued else 0,
        "pauses": [describe_pause(pause) for pause in pauses(space.pk)],
        "files": [],
    }


@doors.post(router, "queue/pause/", Queue, operation_id="pauseQueue", summary="Begin nothing new")
async def pause_queue(request: HttpRequest, wanted: NewPause) -> HttpResponseBase:
    """For managers. What runs goes on to its end; uploads are received. A pause that is there
    already is replaced.
    """
    place = rights.here(request, Role.MANAGER)
    until = wanted.until
    if wanted.minutes is not None:
        until = timezone.now() + timedelta(minutes=wanted.minutes)
    if until is not None and until <= timezone.now():
        raise BadRequest("until: it lies in the past.")
    body = await database.write(_hold, place, wanted.reason.strip(), until)
    log.info("queue paused", space=place.space_slug, by=place.username, until=moment(until))
    return doors.answer(body)


def _hold(place: Access, reason: str, until: Any) -> dict[str, Any]:
    queue.pause(place.space_id, by=place.user_id, reason=reason, until=until)
    return _queue(place, [])


@doors.post(router, "queue/resume/", Queue, operation_id="resumeQueue", summary="Go on")
async def resume_queue(request: HttpRequest) -> HttpResponseBase:
    """For managers; harmless where nothing is paused. A pause of the whole server is ended in the
    administration.
    """
    place = rights.here(request, Role.MANAGER)
    body = await database.write(_go_on, place)
    log.info("queue resumed", space=place.space_slug, by=place.username)
    return doors.answer(body)


def _go_on(place: Access) -> dict[str, Any]:
    queue.resume(place.space_id)
    return _queue(place, [])


@doors.post(
    router,
    "files/{uuid:file_id}/priority/",
    FileDetail,
    operation_id="prioritiseFile",
    summary="Let a file come sooner or later",
)
async def prioritise_file(
    request: HttpRequest, file_id: Path[UUID], wanted: NewPriority
) -> HttpResponseBase:
    """For managers. It holds for later attempts, too; 409 while the file is being received."""
    body = await database.write(_prioritise, file_id, whose.asker(request), wanted.priority)
    return doors.answer(body)


def _prioritise(file_id: UUID, asker: Asker, priority: int) -> dict[str, Any]:
    file, place = asker.find(file_id, Role.MANAGER)
    if file.status == Status.RECEIVING:
        raise WrongState("The file is still being received; it has no place in the queue yet.")
    queue.prioritise(file_id, priority)
    return detail(file, place)
