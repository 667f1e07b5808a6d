"""`/api/files/`: the list, one file, and what people may do to one."""

from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router

from project import database
from uploads import storage
from uploads.access import rights
from uploads.access.rights import Access
from uploads.models import Artifact, Role, Status, Step, UploadedFile
from uploads.processing import known, waiting
from uploads.processing.jobs import wishes
from uploads.publishing import measures
from uploads.publishing.describing import describe, moment
from uploads.publishing.events import FileDetail
from uploads.reading import bulk, doors, downloads, listing, whose
from uploads.reading.shapes import AttemptQuery, Changed, FilesPage, ListQuery, Selection
from uploads.reading.whose import Asker

router = Router(tags=["files"])


@doors.get(router, "files/", FilesPage, operation_id="listFiles", summary="Files of a space")
async def list_files(request: HttpRequest, query: Query[ListQuery]) -> HttpResponseBase:
    """Filtered and sorted, a page at a time, at the same cost however many there are."""
    place = rights.here(request)
    return doors.answer(await database.read(_page, place, query))


def _page(place: Access, query: ListQuery) -> dict[str, Any]:
    page = listing.page(
        place.space_id, query.filters(), sort=query.sort, cursor=query.cursor, limit=query.limit
    )
    return {"items": [shown(file, place.space_slug) for file in page.files], "next": page.next}


def shown(file: UploadedFile, space: str) -> dict[str, Any]:
    """A file as JSON, as far as it has come; while it is received, that is what is stored."""
    body = measures.shown(file.space_id, describe(file, space))
    if file.status == Status.RECEIVING:
        try:
            body["received"] = storage.path(file.pk).stat().st_size
        except FileNotFoundError:
            body["received"] = 0
    return body


@doors.get(router, "files/{uuid:file_id}/", FileDetail, operation_id="getFile", summary="One file")
async def get_file(
    request: HttpRequest, file_id: Path[UUID], query: Query[AttemptQuery]
) -> HttpResponseBase:
    """With its steps, their results and artifacts, of one attempt."""
    return doors.answer(await database.read(_detail, file_id, whose.asker(request), query.attempt))


def _detail(file_id: UUID, asker: Asker, attempt: int | None) -> dict[str, Any]:
    return detail(*asker.find(file_id), attempt)


def detail(file: UploadedFile, place: Access, attempt: int | None = None) -> dict[str, Any]:
    """The JSON of a file by itself (`events.FileDetail`), as somebody may see it. Sync."""
    attempts = _attempts(file)
    if attempt is None:
        attempt = attempts[-1]["attempt"] if attempts else file.attempt
    steps = list(Step.objects.filter(file=file, attempt=attempt).order_by("position", "pk"))
    made = Artifact.objects.filter(step__in=steps).order_by("step__position", "pk")
    results = {step.name: step.result for step in steps if step.result is not None}
    artifacts = [_artifact(each) for each in made.select_related("step")]
    body = shown(file, place.space_slug)
    return {
        **body,
        "received_at": moment(file.received_at),
        "steps": [_step(step, place, body["step"]) for step in steps],
        "results": results,
        "artifacts": artifacts,
        "queue": _queued(file),
        "attempts": attempts,
        "outdated": [
            {"step": step.name, "version": step.version, "newest": newest}
            for step, newest in known.outdated(steps)
        ],
    }


def _attempts(file: UploadedFile) -> list[dict[str, Any]]:
    """Those whose steps are kept, the newest last."""
    columns = ("attempt", "name", "version", "started_at", "finished_at")
    steps = Step.objects.filter(file=file).order_by("attempt", "position", "pk")
    found = []
    for attempt, rows in groupby(steps.values_list(*columns), itemgetter(0)):
        _, names, versions, started, finished = zip(*rows, strict=True)
        found.append(
            {
                "attempt": attempt,
                "started_at": moment(min(filter(None, started), default=None)),
                "finished_at": moment(max(filter(None, finished), default=None)),
                "versions": dict(zip(names, versions, strict=True)),
            }
        )
    return found


def _queued(file: UploadedFile) -> dict[str, Any] | None:
    """Its place, which costs a look at the queue: told of one file alone, never in a list."""
    wait = waiting.alone(file) if file.status == Status.QUEUED else None
    return None if wait is None else described_wait(wait)


def described_wait(wait: waiting.Wait) -> dict[str, Any]:
    """The JSON of a place in the queue (`events.Queued`)."""
    return {"place": wait.place, "wait_s": wait.seconds, "priority": wait.priority}


def _step(step: Step, place: Access, now: dict[str, Any] | None) -> dict[str, Any]:
    """`now` is the file's step, which may be measured more lately than it is written down."""
    measured = vars(step)
    if now is not None and now["name"] == step.name and step.status == Step.State.RUNNING:
        measured = now
    return {
        "name": step.name,
        "version": step.version,
        "status": str(step.status),
        "attempt": step.attempt,
        "started_at": moment(step.started_at),
        "finished_at": moment(step.finished_at),
        "duration_ms": step.duration_ms,
        **{name: measured[name] for name in ("done", "total", "unit")},
        "error": step.error,
        "detail": step.detail if place.may(Role.MANAGER) else None,
        "sent_on": step.sent_on,
        "worker": step.worker,
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    step = artifact.step
    place = f"/api/files/{artifact.file_id}/artifacts/{quote(step.name)}/{quote(artifact.name)}"
    return {
        "step": step.name,
        "name": artifact.name,
        "media_type": artifact.media_type,
        "size": artifact.size,
        "url": f"{place}?attempt={step.attempt}",
    }


@doors.delete(
    router, "files/{uuid:file_id}/", operation_id="deleteFile", summary="Delete a file for good"
)
async def delete_file(request: HttpRequest, file_id: Path[UUID]) -> HttpResponseBase:
    """With its content, results and artifacts; a job of it that runs is stopped first."""
    await database.write(_delete, file_id, whose.asker(request))
    return HttpResponse(status=204)


def _delete(file_id: UUID, asker: Asker) -> None:
    whose.check_deletable(*asker.find(file_id, Role.UPLOADER))
    wishes.delete(file_id)


@doors.post(
    router,
    "files/{uuid:file_id}/retry/",
    FileDetail,
    operation_id="retryFile",
    summary="Process a file again",
)
async def retry_file(request: HttpRequest, file_id: Path[UUID]) -> HttpResponseBase:
    """One that has ended; 409 otherwise."""
    return doors.answer(await database.write(_changed, wishes.retry, file_id, whose.asker(request)))


def _changed(change: Callable[[UUID], UploadedFile], file_id: UUID, asker: Asker) -> dict[str, Any]:
    _, place = asker.find(file_id, Role.UPLOADER)
    return detail(change(file_id), place)


@doors.post(
    router,
    "files/{uuid:file_id}/expand/",
    FileDetail,
    operation_id="expandFile",
    summary="Send on what is inside a file",
)
async def expand_file(request: HttpRequest, file_id: Path[UUID]) -> HttpResponseBase:
    """Process it again; members of an archive, messages of a mailbox and attachments of a mail
    become files of their own, whose `parent` it is. One that has ended and does not lie too deep
    in others; 409 otherwise. What it has already is not made again.
    """
    return doors.answer(
        await database.write(_changed, wishes.expand, file_id, whose.asker(request))
    )


@doors.post(
    router,
    "files/{uuid:file_id}/cancel/",
    FileDetail,
    operation_id="cancelFile",
    summary="Stop a file where it is",
    openapi_extra={"responses": {204: {"description": "It was being received, and is gone"}}},
)
async def cancel_file(request: HttpRequest, file_id: Path[UUID]) -> HttpResponseBase:
    """One in flight; 409 otherwise. What is received stays; an unfinished upload is gone: 204."""
    body = await database.write(_cancel, file_id, whose.asker(request))
    return HttpResponse(status=204) if body is None else doors.answer(body)


def _cancel(file_id: UUID, asker: Asker) -> dict[str, Any] | None:
    _, place = asker.find(file_id, Role.UPLOADER)
    file = wishes.cancel(file_id)
    return None if file is None else detail(file, place)


# -- many at once ----------------------------------------------------------------------------------


@doors.post(
    router, "files/retry/", Changed, operation_id="retryFiles", summary="Process many files again"
)
async def retry_files(request: HttpRequest, selection: Selection) -> HttpResponseBase:
    """Those named, or all of a status (`failed`, as a rule), up to a thousand at once."""
    place = rights.here(request, Role.UPLOADER)
    return doors.answer(await bulk.change(place, selection, bulk.retry))


@doors.post(router, "files/cancel/", Changed, operation_id="cancelFiles", summary="Stop many files")
async def cancel_files(request: HttpRequest, selection: Selection) -> HttpResponseBase:
    """Those named, or all of a status, up to a thousand at once."""
    place = rights.here(request, Role.UPLOADER)
    return doors.answer(await bulk.change(place, selection, bulk.cancel))


@doors.post(
    router, "files/delete/", Changed, operation_id="deleteFiles", summary="Delete many files"
)
async def delete_files(request: HttpRequest, selection: Selection) -> HttpResponseBase:
    """Those named, or all of a status, up to a thousand at once."""
    place = rights.here(request, Role.UPLOADER)
    return doors.answer(await bulk.change(place, selection, bulk.delete))


# -- bytes -----------------------------------------------------------------------------------------

BYTES = {
    "responses": {
        200: {
            "description": "The bytes",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {"description": "The ranges that were asked for"},
        304: {"description": "What you have is right"},
        416: {"description": "The range lies outside"},
    }
}


@doors.get(
    router,
    "files/{uuid:file_id}/content/",
    None,
    operation_id="getContent",
    summary="The original",
    openapi_extra=BYTES,
)
async def get_content(request: HttpRequest, file_id: Path[UUID]) -> HttpResponseBase:
    """As it was uploaded, always as an attachment; ranges and conditions as in RFC 9110."""
    return await downloads.content(request, file_id)


@doors.get(
    router,
    "files/{uuid:file_id}/artifacts/{str:step}/{str:name}/",
    None,
    operation_id="getArtifact",
    summary="What a step made",
    openapi_extra=BYTES,
)
async def get_artifact(
    request: HttpRequest,
    file_id: Path[UUID],
    step: Path[str],
    name: Path[str],
    query: Query[AttemptQuery],
) -> HttpResponseBase:
    """Pictures in WebP, PNG and JPEG may be shown in place; all else is an attachment."""
    return await downloads.artifact(request, file_id, step, name, query.attempt)
