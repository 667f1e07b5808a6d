"""The doors of tus: `/uploads/` creates, `/uploads/ID` takes bytes, tells the offset, ends.

Each method parses (`tus`), checks who may (`access`), calls one thing, and describes the outcome.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from project import database, stopping
from project.http import Body
from uploads import access, storage
from uploads.access import Who
from uploads.errors import (
    BadCsrf,
    BadRequest,
    Forbidden,
    Locked,
    MethodNotAllowed,
    NotFound,
    ShuttingDown,
    TooLarge,
    WrongOffset,
    WrongState,
)
from uploads.models import Role
from uploads.receiving import arriving, content, creating, locks, rows, tus
from uploads.receiving.locks import Claim
from uploads.receiving.rows import Upload
from uploads.receiving.tus import Append
from uploads.sending import serve_content
from uploads.storage import in_pool

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


class StreamingView(View):
    """A view that gets its body as a stream, and its method from X-HTTP-Method-Override."""

    streams_body = True

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Call the handler of the method that is meant. Raises MethodNotAllowed, ShuttingDown."""
        method = tus.method(request.method or "", request.headers)
        if method != request.method:
            _check_override(request)
        handler = getattr(self, method.lower(), None)
        if method.lower() not in self.http_method_names or handler is None:
            allowed = [name.upper() for name in self.http_method_names if hasattr(self, name)]
            raise MethodNotAllowed(headers={"Allow": ", ".join(allowed)})
        if method in {"POST", "PUT", "PATCH"} and stopping.stopping():
            raise ShuttingDown(headers={"Retry-After": "2"})
        response: HttpResponseBase = await handler(request, *args, **kwargs)
        return response


def _check_override(request: HttpRequest) -> None:
    """The site was checked for the real method; nobody gets around that with another one."""
    who: Who | None = getattr(request, "who", None)
    if who is not None and who.via == "cookie" and not hasattr(request, "csrf_checked"):
        raise BadCsrf


def body_of(request: HttpRequest) -> Body:
    """The request's body, unread."""
    body: Body = request.stream  # type: ignore[attr-defined]
    return body


def answer(status: int, *groups: dict[str, str]) -> HttpResponse:
    """An answer without a body."""
    response = HttpResponse(status=status)
    del response.headers["Content-Type"]
    for headers in groups:
        for name, value in headers.items():
            response.headers[name] = value
    return response


class Uploads(StreamingView):
    """`/uploads/`."""

    async def options(self, *_: Any) -> HttpResponse:  # type: ignore[override]
        """What the server can do."""
        return answer(204, tus.options(settings.UPLOAD_MAX_BYTES))

    async def post(self, request: HttpRequest) -> HttpResponse:
        """Create an upload; with a body of the right type it begins at once."""
        tus.check_version(request.headers)
        who = access.here(request, Role.UPLOADER)
        creation = tus.parse_creation(request.headers, most=settings.UPLOAD_MAX_BYTES)
        upload_id, headers = await creating.create(who, creation, body_of(request))
        return answer(201, {"Location": f"/uploads/{upload_id}"}, headers)


class UploadDoor(StreamingView):
    """`/uploads/ID`."""

    async def options(self, *_: Any, **__: Any) -> HttpResponse:  # type: ignore[override]
        """What the server can do."""
        return answer(204, tus.options(settings.UPLOAD_MAX_BYTES))

    async def head(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """Where the upload stands; an older request that still sends is told to let go."""
        tus.check_version(request.headers)
        upload = await _find(request, upload_id)
        headers = await _offset(upload)
        return answer(200, {"Cache-Control": "no-store"}, _facts(upload), headers)

    async def patch(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """Store bytes from the upload's offset on."""
        tus.check_version(request.headers)
        append = tus.parse_append(request.headers)
        upload = await _find(request, upload_id)
        if upload.concat == "final":
            raise Forbidden("A final upload takes no bytes; send them to its parts.")
        async with locks.claim(upload_id) as claim:
            if claim.waited:
                upload = await database.read(rows.find, upload_id)
            upload = await _begin(upload, claim, append, body_of(request))
            if not upload.complete:
                await arriving.append(upload, claim, body_of(request), checksum=append.checksum)
            return answer(204, creating.offset_headers(upload, claim.content))

    async def delete(self, request: HttpRequest, upload_id: UUID) -> HttpResponse:
        """End the upload, or delete the file that it has become."""
        tus.check_version(request.headers)
        upload = await _find(request, upload_id)
        if upload.complete:
            await _remove(upload)
        else:
            try:
                async with locks.claim(upload_id) as claim:
                    claim.content.ended = True
                    await _remove(upload)
            except Locked:  # its writer notices that it writes into nothing
                await _remove(upload)
        return answer(204)

    async def get(self, request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
        """The content of what was received."""
        upload = await _find(request, upload_id, Role.VIEWER)
        if upload.concat == "partial":
            raise NotFound("A part of an upload can't be downloaded; its final upload can.")
        if not upload.complete:
            raise WrongState("The upload is not complete yet.")
        path = storage.path(upload_id)
        return await serve_content(
            request, path, upload.name, upload.media_type, digest=upload.sha256
        )


async def _find(request: HttpRequest, upload_id: UUID, need: Role = Role.UPLOADER) -> Upload:
    upload = await database.read(rows.find, upload_id)
    access.inside(request, upload.space_id, need)
    return upload


async def _offset(upload: Upload) -> dict[str, str]:
    """Upload-Offset; none for a final upload that is not joined yet."""
    if upload.complete:
        return {"Upload-Offset": str(upload.size)}
    if upload.concat == "final":
        return {}
    whole = await in_pool(content.settled_length, upload.id)
    if whole is not None and whole == upload.size:
        return {"Upload-Offset": str(whole)}
    async with locks.claim(upload.id) as claim:
        return creating.offset_headers(upload, claim.content)


def _facts(upload: Upload) -> dict[str, str]:
    facts = tus.concat_header(upload.concat, upload.parts)
    if upload.metadata:
        facts["Upload-Metadata"] = upload.metadata
    if upload.size is not None:
        facts["Upload-Length"] = str(upload.size)
    elif upload.concat != "final":
        facts["Upload-Defer-Length"] = "1"
    return facts


async def _begin(upload: Upload, claim: Claim, append: Append, body: Body) -> Upload:
    """Check a PATCH against what is stored, and note the length where it is told now.

    Raises WrongOffset, BadRequest, TooLarge, DiskFull.
    """
    offset = claim.content.offset
    if append.offset != offset:
        raise WrongOffset(headers={"Upload-Offset": str(offset)})
    if append.length is not None and append.length != upload.size:
        upload = await _announce(upload, append.length, offset)
    most = settings.UPLOAD_MAX_BYTES if upload.size is None else upload.size
    if body.length is not None and offset + body.length > most:
        raise TooLarge(f"The upload takes {most} bytes; this body would make it longer.")
    storage.check_room(body.length or 0)
    return upload


async def _announce(upload: Upload, length: int, offset: int) -> Upload:
    if upload.size is not None:
        raise BadRequest(f"The upload's length is {upload.size} and can't change.")
    if length > settings.UPLOAD_MAX_BYTES:
        raise TooLarge(f"At most {settings.UPLOAD_MAX_BYTES} bytes are taken.")
    if length < offset:
        raise BadRequest(f"The upload holds {offset} bytes already.")
    await database.write(rows.announce_size, upload, length)
    return await database.read(rows.find, upload.id)


async def _remove(upload: Upload) -> None:
    await database.write(rows.remove, upload)
    if upload.concat == "partial":
        storage.remove(upload.id)
