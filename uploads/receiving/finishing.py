"""The only module that turns stored bytes into a received file: on disk, digested, queued.

What can be done at once is done before the answer. What takes a while (a digest that was lost with
its process, the joining of partials) is done by the service, off the request; should the server die
meanwhile, the sweep hands it to the service again.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from django.conf import settings

from project import database, stopping
from project.services import beside
from uploads import metrics, storage
from uploads.errors import ApiError, DigestMismatch, NotFound, WrongState
from uploads.models import UploadedFile
from uploads.processing.jobs import arrivals
from uploads.receiving import locks, rows
from uploads.receiving.content import READ_BYTES, Content
from uploads.receiving.locks import Claim
from uploads.receiving.rows import Upload
from uploads.storage import in_pool

log = structlog.get_logger(__name__)

TUS = "tus"  # the door that most uploads come through, for counting
AT_ONCE_BYTES = 64 * 1024 * 1024  # read again, or joined, before the answer rather than after it

_due: dict[UUID, None] = {}
_bell: asyncio.Event | None = None  # of the running service


async def finish(upload: Upload, claim: Claim, *, door: str = TUS) -> UploadedFile | None:
    """Every byte is there: make it last, and queue the file (or note the partial).

    Returns the queued file; None for a partial, and where a long digest is left to the service.
    What the sender expects is checked before the answer, however long that takes. Raises
    DigestMismatch, and the upload is gone.
    """
    content = claim.content
    if upload.concat == "partial":
        await _finish_partial(upload, content)
        return None
    at_once = content.digest is not None or content.offset <= AT_ONCE_BYTES
    if at_once or upload.expected_sha256:
        return await _queue(upload, content, lambda: True, door=door)
    await in_pool(_make_last, content)
    later(upload.id)
    return None


async def _queue(
    upload: Upload, content: Content, go_on: Callable[[], bool], *, door: str = TUS
) -> UploadedFile | None:
    sha256 = await in_pool(_seal, content, go_on)
    if sha256 is None:
        return None
    content.ended = True
    if upload.expected_sha256 not in {None, sha256}:
        await database.write(arrivals.terminate, upload.id)
        raise DigestMismatch
    try:
        file = await database.write(
            arrivals.complete, upload.id, size=content.offset, sha256=sha256
        )
    except WrongState:
        log.info("was received already", file=str(upload.id))
        return None
    metrics.UPLOADS.labels(door).inc()
    return file


def _seal(content: Content, go_on: Callable[[], bool]) -> str | None:
    _make_last(content)
    return content.sha256(go_on)


def _make_last(content: Content) -> None:
    if settings.UPLOAD_FSYNC:
        content.sync()


async def _finish_partial(upload: Upload, content: Content) -> None:
    await in_pool(_make_last, content)
    content.ended = True
    for final in await database.write(rows.complete_partial, upload, content.offset):
        later(final)


# -- later ----------------------------------------------------------------------------------------


def later(upload_id: UUID) -> None:
    """Finish this upload off the request; harmless when repeated."""
    _due[upload_id] = None
    if _bell is not None:
        _bell.set()


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Finish what waits, one after another, for as long as the server lives."""
    global _bell
    bell = _bell = asyncio.Event()
    bell.set()
    try:
        async with beside(_serve(bell), "finishing"):
            yield
    finally:
        _bell = None


async def _serve(bell: asyncio.Event) -> None:
    while True:
        await bell.wait()
        bell.clear()
        while _due and not stopping.stopping():
            upload_id = next(iter(_due))
            del _due[upload_id]
            await _try(upload_id)


async def _try(upload_id: UUID) -> None:
    try:
        await finish_now(upload_id)
    except ApiError as error:
        log.info("upload could not be finished", file=str(upload_id), code=error.code)
    except Exception:
        log.exception("finishing failed; the sweep will try again", file=str(upload_id))


async def finish_now(upload_id: UUID) -> None:
    """Finish an upload whose bytes are all there; others are left alone.

    Raises NotFound, Locked, DigestMismatch.
    """
    upload = await database.read(rows.find, upload_id)
    if upload.complete:
        return
    async with locks.claim(upload_id) as claim:

        def go_on() -> bool:
            return not (claim.wanted or stopping.stopping() or claim.content.has_waiter())

        if upload.parts:
            await join(upload, claim, go_on)
        elif claim.content.offset == upload.size:
            if upload.concat == "partial":
                await _finish_partial(upload, claim.content)
            else:
                await _queue(upload, claim.content, go_on)


async def join(upload: Upload, claim: Claim, go_on: Callable[[], bool]) -> None:
    """Make a final upload from its partials, if all are there; gone when one of them is gone.

    Raises NotFound, DiskFull, DigestMismatch.
    """
    try:
        parts = await database.read(rows.ready_parts, upload)
        if parts is None:
            return
        storage.check_room(sum(part.size or 0 for part in parts))
        copied = await in_pool(_copy, claim.content, [part.id for part in parts], go_on)
    except NotFound:
        await database.write(arrivals.terminate, upload.id)
        raise
    except OSError as error:
        raise storage.as_answer(error) from None
    if copied:
        await _queue(upload, claim.content, go_on)
        await database.write(rows.release_parts, upload)


def _copy(content: Content, parts: list[UUID], go_on: Callable[[], bool]) -> bool:
    content.empty()
    for part in parts:
        try:
            handle = os.open(storage.path(part), os.O_RDONLY)
        except FileNotFoundError:  # ended since it was looked up
            raise NotFound("A part of this upload is gone.") from None
        try:
            while block := os.read(handle, READ_BYTES):
                if not go_on():
                    return False
                content.append([block])
        finally:
            os.close(handle)
    return True
