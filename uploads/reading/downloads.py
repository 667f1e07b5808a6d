"""The only module that gives out contents and artifacts, to members of the space alone.

How they are sent, so that none can act as a page, is `uploads.sending`'s.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from project import database
from uploads import storage
from uploads.errors import NotFound, WrongState
from uploads.models import Artifact, UploadedFile
from uploads.reading import whose
from uploads.reading.whose import Asker
from uploads.sending import serve_content

FOR_EVER = "private, max-age=31536000, immutable"  # an attempt's artifacts never change


async def content(request: HttpRequest, file_id: UUID) -> HttpResponseBase:
    """The original. Raises NotFound, and WrongState while it is being received."""
    file = await database.read(_complete, file_id, whose.asker(request))
    return await serve_content(
        request, storage.path(file_id), file.name, file.media_type, digest=file.sha256
    )


def _complete(file_id: UUID, asker: Asker) -> UploadedFile:
    file, _ = asker.find(file_id)
    if not file.complete:
        raise WrongState("The file has not been received whole yet.")
    return file


async def artifact(
    request: HttpRequest, file_id: UUID, step: str, name: str, attempt: int | None
) -> HttpResponseBase:
    """What a step made: in one attempt, or in the newest that made it. Raises NotFound."""
    found = await database.read(_artifact, file_id, whose.asker(request), step, name, attempt)
    path = storage.artifact_path(file_id, found.step.attempt, found.step.name, found.name)
    response = await serve_content(request, path, found.name, found.media_type, inline=True)
    if attempt is not None:
        response.headers["Cache-Control"] = FOR_EVER
    return response


def _artifact(file_id: UUID, asker: Asker, step: str, name: str, attempt: int | None) -> Artifact:
    asker.find(file_id)
    if "\0" in step + name:  # no name has one, and Postgres does not even want to be asked
        raise NotFound
    made = Artifact.objects.filter(file=file_id, step__name=step, name=name)
    if attempt is not None:
        made = made.filter(step__attempt=attempt)
    found = made.select_related("step").order_by("-step__attempt").first()
    if found is None:
        raise NotFound
    return found
