"""The doors of `/uploads/` for clients that speak the IETF's draft; told apart by its headers."""

from dataclasses import replace
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from uploads.access import rights
from uploads.errors import ApiError
from uploads.models import Role
from uploads.receiving import creating, draft, resuming
from uploads.receiving.doors import answer, body_of
from uploads.receiving.resuming import Standing


async def create(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """Make an upload of a body, whole (`Upload-Complete: ?1`) or to be continued (`?0`).

    `name` is the file's where the address tells it.
    """
    headers, body = request.headers, body_of(request)
    length = body.length if body.announced else 0
    try:
        who = rights.here(request, Role.UPLOADER)
        creation = draft.parse_creation(headers, length, most=settings.UPLOAD_MAX_BYTES)
        if name is not None:
            creation = replace(creation, metadata=replace(creation.metadata, name=name))
        last = draft.complete(headers) is True
        standing = await creating.create(who, creation, body, last=last)
    except ApiError as error:
        return _refuse(request, error, None)
    return answer(201, {"Location": f"/uploads/{standing.id}"}, _where(request, standing))


async def head(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Where the upload stands; an older request that still sends is told to let go."""
    standing = await resuming.standing(await resuming.find(request, upload_id))
    known = {} if standing.size is None else {"Upload-Length": str(standing.size)}
    return answer(204, {"Cache-Control": "no-store"}, known, _where(request, standing))


async def patch(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Store bytes from the upload's offset on; `Upload-Complete: ?1` says they are the last."""
    headers, body = request.headers, body_of(request)
    length = body.length if body.announced else 0
    try:
        wanted = draft.parse_append(headers, length)
        upload = await resuming.find(request, upload_id)
        last = draft.complete(headers) is True
        standing = await resuming.append(upload, wanted, body, last=last)
    except ApiError as error:
        return _refuse(request, error, draft.integer(headers, "Upload-Offset"))
    return answer(204, _where(request, standing))


def _where(request: HttpRequest, standing: Standing) -> dict[str, str]:
    limit = draft.limit(settings.UPLOAD_MAX_BYTES, standing.expires_at)
    state = draft.state(request.headers, standing.offset or 0, done=standing.complete)
    return state | {"Upload-Limit": limit}


def _refuse(request: HttpRequest, error: ApiError, provided: int | None) -> HttpResponse:
    """The refusal as the draft words it; others as they are worded everywhere."""
    if error.status == 413:
        error.headers["Upload-Limit"] = draft.limit(settings.UPLOAD_MAX_BYTES)
    problem = draft.problem(error, provided)
    if problem is None:
        raise error
    return HttpResponse(
        orjson.dumps(problem),
        status=error.status,
        headers=error.headers | draft.completeness(request.headers, done=False),
        content_type="application/problem+json",
    )
