"""`replay/`: files are processed again because a processor has a newer version; what the old one
found is kept beside it. `/api/processors/` says which versions there are.
"""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from ninja import Path, Router
from pydantic import BaseModel, ConfigDict, Field

from project import database
from uploads.access import rights
from uploads.errors import WrongState
from uploads.models import KnownProcessor, Role, Step, UploadedFile
from uploads.processing import known
from uploads.processing.jobs import wishes
from uploads.publishing.events import FileDetail, Frozen
from uploads.reading import bulk, doors, whose
from uploads.reading.files import detail
from uploads.reading.shapes import BULK_FILES, Changed, Selection, Word
from uploads.reading.whose import Asker

router = Router(tags=["files"])


class ProcessorShape(Frozen):
    """A processor that takes files apart here."""

    name: str
    version: int
    accepts: list[str]
    builtin: bool


class Processors(Frozen):
    """All of them."""

    items: list[ProcessorShape]


class Replay(BaseModel):
    """Which files: those with an old result of this processor, or of any. `cursor` is `next` of the
    answer before.
    """

    model_config = ConfigDict(extra="forbid")

    processor: Word | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=BULK_FILES)] = BULK_FILES


@doors.get(
    router,
    "processors/",
    Processors,
    operation_id="listProcessors",
    summary="What takes files apart here",
)
async def list_processors(request: HttpRequest) -> HttpResponseBase:
    """Built-in ones and own ones, with the versions that new files are processed with."""
    rights.here(request)
    return doors.answer({"items": await database.read(_processors)})


def _processors() -> list[dict[str, Any]]:
    found = KnownProcessor.objects.filter(version__isnull=False).order_by("-builtin", "name")
    return [
        {"name": one.name, "version": one.version, "accepts": one.accepts, "builtin": one.builtin}
        for one in found
    ]


@doors.post(
    router,
    "files/{uuid:file_id}/replay/",
    FileDetail,
    operation_id="replayFile",
    summary="Process a file with newer processors",
)
async def replay_file(request: HttpRequest, file_id: Path[UUID]) -> HttpResponseBase:
    """As `retry`, for one with a step whose processor has a newer version (`outdated`); 409
    otherwise. `?attempt=` shows what the older attempt found.
    """
    return doors.answer(await database.write(_replay, file_id, whose.asker(request)))


def _replay(file_id: UUID, asker: Asker) -> dict[str, Any]:
    file, place = asker.find(file_id, Role.UPLOADER)
    _check_outdated(file)
    return detail(wishes.retry(file_id), place)


def _check_outdated(file: UploadedFile) -> None:
    if not known.outdated(Step.objects.filter(file=file.pk, attempt=file.attempt)):
        raise WrongState("No processor of this file has a newer version.")


@doors.post(
    router,
    "files/replay/",
    Changed,
    operation_id="replayFiles",
    summary="Process all files with newer processors",
)
async def replay_files(request: HttpRequest, wanted: Replay) -> HttpResponseBase:
    """All of the space that have ended with a result of an older version, up to a thousand at once;
    those in flight are left out.
    """
    place = rights.here(request, Role.UPLOADER)
    ids = await database.read(_old, place.space_id, wanted)
    if not ids:
        return doors.answer({"changed": 0, "refused": [], "more": False, "next": None})
    changed = await bulk.change(place, Selection(ids=ids), bulk.retry)
    full = len(ids) == wanted.limit
    return doors.answer(changed | {"more": full, "next": str(ids[-1]) if full else None})


def _old(space_id: int, wanted: Replay) -> list[UUID]:
    return known.old_files(space_id, wanted.processor, wanted.cursor, limit=wanted.limit)
