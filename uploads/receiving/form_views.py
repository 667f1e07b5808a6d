"""The doors for forms and plain bodies: `POST /upload/` and `PUT /upload/NAME`.

Both answer 303 to the page that shows what came, or 201 with JSON to who asks for it; the JSON is
the body of the 303, too, for programs that ask for nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
from django.http import HttpRequest, HttpResponse

from uploads import names
from uploads.access import rights, sites
from uploads.access.identity import Who
from uploads.access.rights import Access
from uploads.errors import (
    ApiError,
    BadCsrf,
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    DiskFull,
    ShuttingDown,
    TooManyFiles,
)
from uploads.models import Role, UploadedFile
from uploads.publishing.describing import describe
from uploads.receiving import draft, draft_doors, metadata, plain
from uploads.receiving.doors import StreamingView, body_of
from uploads.receiving.forms import Form, Part
from uploads.receiving.metadata import Metadata
from uploads.receiving.small import MOST

TOKEN_FIELD = "csrfmiddlewaretoken"  # noqa: S105 - a field's name
FILE_FIELD = "file"
ENDS_ALL = (BodyTimeout, BodyTooLarge, DiskFull, ShuttingDown)
FORM_FILES = 10_000  # taken and refused together, since the answer tells of each
SKIP_BYTES = 256 * 1024 * 1024  # of a refused file, to come to the next one


class Refusal(NamedTuple):
    """Of one file of a form; `place` counts its files from 0, None where it is the form's end."""

    name: str
    error: ApiError
    place: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the answer tells it."""
        index = {} if self.place is None else {"index": self.place}
        return {"name": self.name} | index | self.error.as_json()


@dataclass
class Outcome:
    """What became of each file of a request, in the order in which they came."""

    taken: list[UploadedFile] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    batch: str | None = None


class FormDoor(StreamingView):
    """`POST /upload/`. `page` makes the page that tells a person what was refused."""

    page: Callable[[HttpRequest, Sequence[Refusal]], HttpResponse] | None = None

    async def post(self, request: HttpRequest) -> HttpResponse:
        """Take every file of a form."""
        who = rights.here(request, Role.UPLOADER)
        form = Form(body_of(request), request.headers.get("Content-Type", ""))
        files = _Files(who)
        outcome = files.outcome
        try:
            await _take_all(request, form, files)
            await files.settle()
        except ApiError as error:
            await files.settle()
            if not outcome.taken:
                raise
            outcome.refused.append(Refusal("", error))
        if not outcome.taken and not outcome.refused:
            raise BadRequest(f"The form holds no file in its field «{FILE_FIELD}».")
        if outcome.refused and self.page is not None and _wants(request, "text/html"):
            response = self.page(request, outcome.refused)
        else:
            response = describe_outcome(request, who, outcome)
        if any("Connection" in refusal.error.headers for refusal in outcome.refused):
            response.headers["Connection"] = "close"
        return response


class PlainDoor(StreamingView):
    """`PUT /upload/NAME`, as `curl -T` sends it."""

    async def put(self, request: HttpRequest, name: str) -> HttpResponse:
        """Take the body as one file, or begin a resumable upload where the draft asks for it."""
        if "Content-Range" in request.headers:  # RFC 9110, 14.5: it would become a whole file
            raise BadRequest("A part of a file can't be put here; resumable uploads can go on.")
        if draft.spoken("PUT", request.headers):
            return await draft_doors.create(request, names.clean_name(name))
        who = rights.here(request, Role.UPLOADER)
        body = body_of(request)
        about = Metadata(
            name=names.clean_name(name),
            batch=metadata.clean_batch(request.GET.get("batch", "")),
            sha256=metadata.clean_sha256(request.GET.get("sha256", "")),
        )
        length = body.length if body.announced else 0
        outcome = Outcome(batch=about.batch)
        outcome.taken.append(await plain.take(who, about, body, door="put", length=length))
        return describe_outcome(request, who, outcome)


async def _take_all(request: HttpRequest, form: Form, files: "_Files") -> None:
    about = Metadata()  # as far as the fields before a file tell it
    trusted = _trusted(request)
    while not files.over and (part := await form.next_part()) is not None:
        if not trusted:
            if part.name != TOKEN_FIELD:
                raise BadCsrf
            sites.check_form_token(request, await part.text())
            trusted = True
        elif part.filename is not None:
            await files.take(about, part)
            about = replace(about, path="")
        else:
            about = _told(about, part.name, await part.text())
            files.outcome.batch = about.batch


def _told(about: Metadata, field: str, text: str) -> Metadata:
    """What is known with one more field. A path is looked at with its file, which it may refuse."""
    if field == "batch":
        return replace(about, batch=metadata.clean_batch(text))
    if field == "batch_total":
        return replace(about, batch_total=metadata.clean_total(text))
    return replace(about, path=text) if field == "path" else about


def _trusted(request: HttpRequest) -> bool:
    """Whether the request itself has shown where it comes from: by its token, or a header."""
    who: Who | None = getattr(request, "who", None)
    return who is None or who.via != "cookie" or hasattr(request, "csrf_checked")


class _Files:
    """The files of one form, in their order. A small one is on its way to the disk while the next
    is read: one after another, each would wait for a commit of its own.
    """

    def __init__(self, who: Access) -> None:
        self.outcome = Outcome()
        self.over = False  # those behind need not be tried
        self._who = who
        self._number = 0
        self._under_way: deque[tuple[str, asyncio.Future[UploadedFile]]] = deque()

    async def take(self, about: Metadata, part: Part) -> None:
        """Take or refuse one more. Raises TooManyFiles."""
        name = part.filename or ""
        if not name and not await _has_bytes(part):
            return  # what a browser sends for a file field that was left empty
        if self._number == FORM_FILES:
            raise TooManyFiles(f"At most {FORM_FILES:,} files are taken from one form.")
        self._number += 1
        reading = await self._read(name, about, part)
        taking = asyncio.create_task(reading)  # noqa: TID251 - what is read is kept, though the form is cut
        taking.add_done_callback(_heard)
        self._under_way.append((name, taking))
        await self.settle(MOST)  # as many as share one write
        if not part.ended and not self.over:  # it was refused
            await part.skip(SKIP_BYTES)

    async def settle(self, most: int = 0) -> None:
        """Note what became of the first, until `most` at most are under way."""
        while len(self._under_way) > most:
            name, taking = self._under_way.popleft()
            outcome = self.outcome
            try:
                outcome.taken.append(await taking)
            except ApiError as error:
                shown = name.encode("utf-8", "replace").decode("utf-8")
                place = len(outcome.taken) + len(outcome.refused)
                outcome.refused.append(Refusal(shown, error, place))
                self.over |= isinstance(error, ENDS_ALL)

    async def _read(
        self, name: str, about: Metadata, part: Part
    ) -> Coroutine[Any, Any, UploadedFile]:
        try:
            if part.name != FILE_FIELD:
                raise BadRequest(f"Files come in the field «{FILE_FIELD}», not «{part.name}».")
            about = replace(about, name=names.clean_name(name), path=names.clean_path(about.path))
            return await plain.read(self._who, about, part, door="form")
        except ApiError as error:
            self.over |= isinstance(error, ENDS_ALL)
            return _refused(error)


async def _refused(error: ApiError) -> UploadedFile:
    raise error


def _heard(taking: "asyncio.Future[UploadedFile]") -> None:
    """Of a form that is cut nobody asks what became of its files."""
    if not taking.cancelled():
        taking.exception()


async def _has_bytes(part: Part) -> bool:
    while not part.ended:
        if await part.next_chunk():
            return True
    return False


def describe_outcome(request: HttpRequest, who: Access, outcome: Outcome) -> HttpResponse:
    """The answer: 201 or 303, and the status of the first refusal where nothing was taken."""
    body: dict[str, Any] = {
        "files": [describe(file, who.space_slug) for file in outcome.taken],
        "refused": [refusal.as_json() for refusal in outcome.refused],
    }
    headers: dict[str, str] = {}
    status = 201
    if not outcome.taken:
        first = outcome.refused[0].error
        status, headers = first.status, first.headers
        body |= first.as_json()
    elif not _wants(request, "application/json"):
        status, headers = 303, {"Location": _page_of(request, outcome)}
    return HttpResponse(
        orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )


def _wants(request: HttpRequest, media_type: str) -> bool:
    return media_type in request.headers.get("Accept", "")


def _page_of(request: HttpRequest, outcome: Outcome) -> str:
    chosen = {"batch": outcome.batch, "space": request.GET.get("space")}
    query = urlencode({name: value for name, value in chosen.items() if value})
    page = "/files/" if outcome.batch else "/"
    return f"{page}?{query}" if query else page
