"""The only module that takes files that come all or nothing: a form's parts, and plain bodies.

Nobody can go on with such a file later, so whatever ends it early removes it; a mark beside its
content lets the next start remove it where the server was killed.
"""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from django.conf import settings

from project import database
from uploads import storage
from uploads.access import rights
from uploads.access.rights import Access
from uploads.errors import (
    ApiError,
    BodyTimeout,
    NotFound,
    ShuttingDown,
    TooLarge,
    WrongState,
)
from uploads.models import UploadedFile
from uploads.processing.jobs import arrivals
from uploads.processing.jobs.arrivals import Arrival
from uploads.receiving import arriving, finishing, locks, rows
from uploads.receiving.intake import Flow, Source
from uploads.receiving.locks import Claim
from uploads.receiving.metadata import Metadata
from uploads.storage import in_pool

SILENT = "The sender fell silent; what was not whole is not kept, send it again."
# What these say of uploads, that they can go on, is not so here.
NOT_KEPT: Mapping[type[ApiError], str] = {
    BodyTimeout: SILENT,
    ShuttingDown: "The server is stopping; what was not whole is not kept, send it again.",
}


async def take(
    who: Access, metadata: Metadata, body: Source, *, door: str, length: int | None = None
) -> UploadedFile:
    """Store a whole body as a file; `length` where it was announced.

    Raises Disconnected or an ApiError; nothing is left of the file then.
    """
    return await (await read(who, metadata, body, door=door, length=length))


async def read(
    who: Access, metadata: Metadata, body: Source, *, door: str, length: int | None = None
) -> Coroutine[Any, Any, UploadedFile]:
    """As `take`, and returns when the body is read to its end: a small file is stored, or refused,
    by awaiting what is returned.
    """
    if (length or 0) > settings.UPLOAD_MAX_BYTES:
        raise TooLarge(f"At most {settings.UPLOAD_MAX_BYTES} bytes are taken.")
    storage.check_room(length or 0)
    coming = arriving.arrival(who, metadata, length)
    if (length or 0) <= arriving.SMALL_BYTES:
        blocks = await arriving.gather(body)
        if body.ended:
            return arriving.take_small(coming, blocks, door=door)
    else:
        blocks = []
    async with locks.claim(coming.id, new=True, firm=True) as claim:
        try:
            return _stored(await _stream(coming, claim, body, blocks, door))
        except BaseException as error:
            claim.content.ended = True
            await _undo(coming)
            if isinstance(error, ApiError):
                error.message = NOT_KEPT.get(type(error), error.message)
            raise


async def _stream(
    coming: Arrival, claim: Claim, body: Source, before: Sequence[bytes], door: str
) -> UploadedFile:
    mark = storage.mark(coming.id, "form")
    await in_pool(mark.touch)
    upload = await database.write(rows.create, coming)
    room = await arriving.most(upload)
    permit = rights.permit(upload.space_id)
    flow = Flow(claim, room, arriving.reporter(upload), door, permit)
    await flow.run(body, before)
    if flow.overrun:
        raise arriving.too_long(upload, room)
    if upload.size is None:
        await database.write(arrivals.announce_size, upload.id, claim.content.offset)
    file = await finishing.finish(upload, claim, door=door)
    await in_pool(mark.unlink)
    if file is None:  # cannot be: the digest was carried along
        raise WrongState
    return file


async def _stored(file: UploadedFile) -> UploadedFile:
    return file


async def _undo(coming: Arrival) -> None:
    try:
        await database.write(arrivals.terminate, coming.id)
    except (NotFound, WrongState):
        storage.remove(coming.id)
