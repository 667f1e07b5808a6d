"""The only module that takes a file's bytes in, whichever door they come through.

A small file that comes at once needs one trip to the disk and one transaction, and is queued when
it first appears. Any other is created first and can be watched, resumed and cancelled while its
bytes arrive.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from django.conf import settings

from project import database
from project.bodies import Body, Disconnected
from uploads import metrics, storage
from uploads.access import rights
from uploads.access.rights import Access
from uploads.errors import ApiError, ChecksumMismatch, InconsistentLength, QuotaReached, TooLarge
from uploads.models import UploadedFile
from uploads.processing.jobs.arrivals import Arrival, check_batch
from uploads.publishing import doorbell
from uploads.receiving import finishing, rate, rows, together, tus
from uploads.receiving.finishing import TUS
from uploads.receiving.intake import Flow, Source, budget
from uploads.receiving.locks import Claim
from uploads.receiving.metadata import Metadata
from uploads.receiving.rows import Upload
from uploads.receiving.tus import Checksum
from uploads.storage import in_pool

SMALL_BYTES = 256 * 1024  # a body up to this is gathered first, if it comes at once
AT_ONCE_SECONDS = 0.5


def arrival(who: Access, metadata: Metadata, size: int | None) -> Arrival:
    """What `jobs` must know of a new file. Raises TooManyFiles, TooManyRequests."""
    rate.take(who.user_id)
    check_batch(metadata.batch_total or 0)
    return Arrival(
        space_id=who.space_id,
        uploader_id=who.user_id,
        name=metadata.name,
        path=metadata.path,
        size=size,
        batch=metadata.batch,
        batch_total=metadata.batch_total,
        metadata=metadata.raw,
        expected_sha256=metadata.sha256,
        expires_at=rows.expiry(),
        id=storage.new_id(),
    )


# -- small files ----------------------------------------------------------------------------------


async def gather(body: Source) -> list[bytes]:
    """The whole of a small body that comes at once, or its beginning (then it has not `ended`)."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(AT_ONCE_SECONDS):
            while not body.ended and size <= SMALL_BYTES and not budget.full:
                if chunk := await body.next_chunk():
                    chunks.append(chunk)
                    size += len(chunk)
    except TimeoutError:
        pass
    return chunks


async def take_small(
    coming: Arrival, blocks: Sequence[bytes], checksum: Checksum | None = None, *, door: str = TUS
) -> UploadedFile:
    """A file whose bytes are all in memory: stored, and queued. Raises as `together.take`."""
    data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
    if coming.size is None:
        coming = replace(coming, size=len(data))
    file = await together.take(coming, data, checksum)
    metrics.RECEIVED_BYTES.labels(door).inc(len(data))
    metrics.UPLOADS.labels(door).inc()
    return file


# -- all others -----------------------------------------------------------------------------------


async def most(upload: Upload) -> int:
    """Bytes that an upload may have: while its length is unknown, what the space's quota leaves it,
    too, or a disk would fill with what is counted only at its end.
    """
    if upload.size is not None:
        return upload.size
    room = await database.read(rows.room, upload)
    return settings.UPLOAD_MAX_BYTES if room is None else min(settings.UPLOAD_MAX_BYTES, room)


def too_long(upload: Upload, most: int) -> ApiError:
    """Why an upload takes no more than `most` bytes."""
    if upload.size is not None:
        return TooLarge(f"More bytes came than the {most} that can be taken; the rest was dropped.")
    if most < settings.UPLOAD_MAX_BYTES:
        return QuotaReached()
    return TooLarge(f"At most {most} bytes are taken.")


async def append(
    upload: Upload,
    claim: Claim,
    body: Body,
    *,
    before: Sequence[bytes] = (),
    checksum: Checksum | None = None,
    last: bool = False,
) -> Upload:
    """Store a body behind what is there, and finish the upload when it is whole.

    `last`: the body's end is the upload's, however long it was to be. Returns the upload, whose
    size may be known now.

    Raises Disconnected or an ApiError when the body ended early; what came is kept, unless it had a
    checksum. Raises ChecksumMismatch, DigestMismatch, and TooLarge or QuotaReached for a body that
    is longer than can be taken: refused where that is announced, otherwise cut there.
    """
    content = claim.content
    end = await most(upload)
    if content.offset + (body.length or 0) > end:
        raise too_long(upload, end)
    permit = rights.permit(upload.space_id)
    flow = Flow(claim, end - content.offset, reporter(upload), TUS, permit)
    try:
        if checksum is None:
            await flow.run(body, before)
        else:
            await _checked(flow, body, before, checksum)
    except (Disconnected, ApiError):
        if content.offset == upload.size and not content.removed():
            await finishing.finish(upload, claim)
        raise
    if last and not flow.overrun:
        upload = await _ended(upload, content.offset)
    if content.offset == upload.size:
        await finishing.finish(upload, claim)
    if flow.overrun:
        raise too_long(upload, end)
    return upload


async def _ended(upload: Upload, offset: int) -> Upload:
    """The sender says that there is no more."""
    if upload.size is None:
        await database.write(rows.announce_size, upload, offset)
        return replace(upload, size=offset)
    if offset < upload.size:
        raise InconsistentLength(f"The body ended at {offset} of {upload.size} bytes.")
    return upload


async def _checked(flow: Flow, body: Source, before: Sequence[bytes], checksum: Checksum) -> None:
    content = flow.content
    hashing = tus.hasher(checksum)
    await in_pool(content.begin_check, hashing)
    kept = False
    try:
        await flow.run(body, before)
        if flow.overrun:
            raise TooLarge("More bytes came than the upload takes; all that came now was dropped.")
        if hashing.digest() != checksum.digest:
            raise ChecksumMismatch
        kept = True
    finally:
        await in_pool(content.keep if kept else content.undo)


def reporter(upload: Upload) -> Callable[[int, float], None]:
    """What tells subscribers how far an upload is; parts of uploads are not told of."""

    def report(stored: int, speed: float) -> None:
        left = None if upload.size is None else max(0, upload.size - stored)
        measure = {
            "id": str(upload.id),
            "attempt": 0,
            "step": "receive",
            "done": stored,
            "total": upload.size,
            "unit": "bytes",
            "eta_s": None if left is None or speed <= 0 else round(left / speed, 1),
        }
        doorbell.progress(upload.space_id, upload.batch, measure)

    return _silent if upload.concat == "partial" else report


def _silent(_stored: int, _speed: float) -> None:
    """Tell nobody."""
