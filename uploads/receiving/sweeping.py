"""Ends what nobody will end: expired uploads, what a killed server left, bytes that no row knows.

One process of all that share a DATA_DIR does it, at its start and then from time to time. Each part
is harmless when done twice.
"""

import asyncio
import fcntl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from project import database
from project.services import beside
from uploads import storage
from uploads.errors import NotFound, WrongState
from uploads.receiving import content, finishing, rows
from uploads.receiving.content import Busy, Content
from uploads.receiving.rows import Upload
from uploads.storage import in_pool

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60  # at the most; more often where uploads expire soon
ORPHANS_SECONDS = 3600
YOUNG_SECONDS = 120  # bytes without a row for so long may be about to get one
TOGETHER = 500  # ids asked of the database at once


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Sweep for as long as the server lives."""
    async with beside(_run(), "sweeping"):
        yield


async def _run() -> None:
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_DIR / "sweep.lock").open("a") as lock:
        await _turn(lock.fileno())
        pause = min(SWEEP_SECONDS, max(1, settings.UPLOAD_EXPIRES_SECONDS / 10))
        orphans_at = 0.0
        while True:
            if time.monotonic() >= orphans_at:
                await _try(sweep_orphans)
                orphans_at = time.monotonic() + ORPHANS_SECONDS
            await _try(expire_stale)
            await asyncio.sleep(pause)


async def _turn(handle: int) -> None:
    """Return when this process is the one that sweeps."""
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(SWEEP_SECONDS)
        else:
            return


async def _try(work: Callable[[], Awaitable[int]]) -> None:
    try:
        if done := await work():
            log.info("swept", ended=done)
    except Exception:
        log.exception("sweeping failed")


# -- from time to time ----------------------------------------------------------------------------


async def expire_stale() -> int:
    """End what has expired, and go on with what is whole but was not finished; how many ended."""
    ended = 0
    now = timezone.now()
    for upload in await database.read(rows.stale, now):
        ended += await _expire(upload, now)
    for upload in await database.read(rows.unfinished):
        if upload.concat == "final" or await in_pool(_is_whole, upload):
            finishing.later(upload.id)
    return ended


async def _expire(upload: Upload, now: datetime) -> int:
    touched = await in_pool(_touched_at, upload.id)
    if touched is not None and not upload.complete:
        until = touched + timedelta(seconds=settings.UPLOAD_EXPIRES_SECONDS)
        if until > now:
            await database.write(rows.extend, upload, until)
            return 0
    return await _end(upload)


async def _end(upload: Upload) -> int:
    try:
        await database.write(rows.remove, upload)
    except (NotFound, WrongState):
        return 0
    storage.remove(upload.id)
    return 1


def _touched_at(upload_id: UUID) -> datetime | None:
    try:
        facts = storage.path(upload_id).stat()
    except FileNotFoundError:
        return None
    return datetime.fromtimestamp(facts.st_mtime, UTC)


def _is_young(upload_id: UUID) -> bool:
    touched = _touched_at(upload_id)
    return touched is not None and timezone.now() - touched < timedelta(seconds=YOUNG_SECONDS)


def _is_whole(upload: Upload) -> bool:
    return upload.size is not None and content.settled_length(upload.id) == upload.size


# -- at the start ---------------------------------------------------------------------------------


async def sweep_orphans() -> int:
    """End what a killed server left behind; how many things were ended.

    Content without a row, a row without its content, and what came by a form and can't go on.
    """
    ended = 0
    found = await in_pool(lambda: sorted(set(storage.stored())))
    for ids in _groups(upload_id for upload_id, _ in found):
        known = await database.read(rows.known, ids)
        for upload_id in set(ids) - known:
            ended += await _remove_unknown(upload_id)
    forms = {upload_id for upload_id, note in found if note == "form"}
    unfinished = await database.read(rows.unfinished)
    for upload in unfinished:
        if upload.id in forms or await in_pool(_touched_at, upload.id) is None:
            ended += await _end_unless_held(upload)
    for upload_id in forms - {upload.id for upload in unfinished}:
        await in_pool(storage.mark(upload_id, "form").unlink, missing_ok=True)
    return ended


def _groups(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while group := list(islice(rest, TOGETHER)):
        yield group


async def _remove_unknown(upload_id: UUID) -> int:
    """Remove bytes without a row, unless somebody is about to write that row."""
    if await in_pool(_is_young, upload_id):
        return 0
    held = await in_pool(_hold, upload_id)
    if held is False:
        return 0
    try:
        if await database.read(rows.known, [upload_id]):
            return 0
        await in_pool(storage.remove_now, upload_id)
    finally:
        if isinstance(held, Content):
            held.ended = True
            held.close()
    return 1


async def _end_unless_held(upload: Upload) -> int:
    held = await in_pool(_hold, upload.id)
    if held is False:
        return 0
    if isinstance(held, Content):
        held.ended = True
        held.close()
    return await _end(upload)


def _hold(upload_id: UUID) -> Content | Literal[False] | None:
    """The content, locked; None where there is none, False where somebody writes it."""
    try:
        return Content.open(upload_id)
    except NotFound:
        return None
    except Busy:
        return False
