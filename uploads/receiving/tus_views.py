"""The doors of tus: `/uploads/` creates, `/uploads/ID` takes bytes, tells the offset, ends.

Each method parses (`tus`), checks who may (`rights`), calls one thing, and describes the outcome.
Clients that speak the IETF's draft are served at the same addresses (`draft_doors`).
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from uploads import storage
from uploads.access import rights
from uploads.errors import NotFound, WrongState
from uploads.models import Role
from uploads.receiving import creating, draft, draft_doors, resuming, tus
from uploads.receiving.doors import StreamingView, answer, body_of
from uploads.receiving.resuming import Standing
from uploads.receiving.rows import Upload
from uploads.sending import serve_content

Respond = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class TusHeaders:
    """Outermost middleware: every answer of these doors says which tus it speaks."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.respond(request)
        if request.path_info.startswith("/uploads/"):
            response.headers.setdefault("Tus-Resumable", tus.VERSION)
        return response


class Uploads(StreamingView):
    """`/uploads/`."""

    async def options(self, *_: Any) -> HttpResponse:  # type: ignore[override]
        """What the server can do."""
        return _abilities()

    async def post(self, request: HttpRequest) -> HttpResponse:
        """Create an upload; with a body of the right type it begins at once."""
        if draft.spoken("POST", request.headers):
            return await draft_doors.create(request)
        tus.check_version(request.headers)
        who = rights.here(request, Role.UPLOADER)
        creation = tus.parse_creation(request.headers, most=settings.UPLOAD_MAX_BYTES)
        standing = await creating.create(who, creation, body_of(request))
        headers = {"Location": f"/uploads/{standing.id}"} | _where(standing)
        if not creation.has_body:
            headers.pop("Upload-Offset", None)
        return answer(201, headers)


class UploadDoor(StreamingView):
    """`/uploads/ID`."""

    async def options(self, *_: Any, **__: Any) -> HttpResponse:  # type: ignore[override]
        """What the server can do."""
        return _abilities()

    async def head(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """Where the upload stands; an older request that still sends is told to let go."""
        if draft.spoken("HEAD", request.headers):
            return await draft_doors.head(request, upload_id)
        tus.check_version(request.headers)
        upload = await resuming.find(request, upload_id)
        standing = await resuming.standing(upload)
        return answer(200, {"Cache-Control": "no-store"}, _facts(upload), _where(standing))

    async def patch(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """Store bytes from the upload's offset on."""
        if draft.spoken("PATCH", request.headers):
            return await draft_doors.patch(request, upload_id)
        tus.check_version(request.headers)
        wanted = tus.parse_append(request.headers)
        upload = await resuming.find(request, upload_id)
        return answer(204, _where(await resuming.append(upload, wanted, body_of(request))))

    async def delete(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """End the upload, or delete the file that it has become."""
        if not draft.spoken("DELETE", request.headers):
            tus.check_version(request.headers)
        await resuming.end(await resuming.find(request, upload_id))
        return answer(204)

    async def get(self, request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
        """The content of what was received."""
        upload = await resuming.find(request, upload_id, Role.VIEWER)
        if upload.concat == "partial":
            raise NotFound("A part of an upload can't be downloaded; its final upload can.")
        if not upload.complete:
            raise WrongState("The upload is not complete yet.")
        path = storage.path(upload_id)
        return await serve_content(
            request, path, upload.name, upload.media_type, digest=upload.sha256
        )


def _abilities() -> HttpResponse:
    most = settings.UPLOAD_MAX_BYTES
    accepted = {"Accept-Patch": f"{tus.MEDIA_TYPE}, {draft.MEDIA_TYPE}"}
    return answer(204, tus.options(most), accepted, {"Upload-Limit": draft.limit(most)})


def _where(standing: Standing) -> dict[str, str]:
    """Upload-Offset where it is known, and Upload-Expires while bytes are missing."""
    told = {} if standing.offset is None else {"Upload-Offset": str(standing.offset)}
    return told | tus.expires(standing.expires_at)


def _facts(upload: Upload) -> dict[str, str]:
    """What a HEAD tells besides."""
    facts = tus.concat_header(upload.concat, upload.parts)
    if upload.metadata:
        facts["Upload-Metadata"] = upload.metadata
    if upload.size is not None:
        facts["Upload-Length"] = str(upload.size)
    elif upload.concat != "final":
        facts["Upload-Defer-Length"] = "1"
    return facts
