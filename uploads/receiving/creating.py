"""Creates uploads: what a POST of tus (or of the draft) asks for, done."""

from django.conf import settings

from project import database
from project.bodies import Body
from uploads import storage
from uploads.access.rights import Access
from uploads.errors import ApiError, DiskFull, TooLarge
from uploads.processing.jobs import arrivals
from uploads.processing.jobs.arrivals import Arrival
from uploads.receiving import arriving, finishing, locks, rows
from uploads.receiving.resuming import Standing, stands
from uploads.receiving.tus import Creation


async def create(who: Access, creation: Creation, body: Body, *, last: bool = False) -> Standing:
    """Make an upload and take the bytes that came along; `last`: they are all.

    Raises as `arrivals.create` and `arriving.append` do; where the upload exists all the same, the
    error's headers say where.
    """
    coming = arriving.arrival(who, creation.metadata, creation.length)
    _check_announced(creation, body)
    if creation.concat == "final":
        await _create_final(coming, creation)
        return Standing(coming.id, None, None)
    storage.check_room(creation.length or body.length or 0)
    blocks: list[bytes] = []
    if _may_be_small(creation):
        if creation.has_body and body.announced:
            blocks = await arriving.gather(body)
        if sum(map(len, blocks)) == creation.length and (body.ended or not creation.length):
            await arriving.take_small(coming, blocks, creation.checksum)
            return Standing(coming.id, creation.length, creation.length)
    return await _create_and_go_on(coming, creation, body, blocks, last=last)


def _may_be_small(creation: Creation) -> bool:
    length = creation.length
    return length is not None and length <= arriving.SMALL_BYTES and not creation.concat


def _check_announced(creation: Creation, body: Body) -> None:
    if creation.has_body and creation.length is not None and (body.length or 0) > creation.length:
        raise TooLarge(f"The body has {body.length} bytes, the upload only {creation.length}.")


async def _create_and_go_on(
    coming: Arrival, creation: Creation, body: Body, blocks: list[bytes], *, last: bool
) -> Standing:
    async with locks.claim(coming.id, new=True) as claim:
        make = rows.create_partial if creation.concat == "partial" else rows.create
        try:
            upload = await database.write(make, coming)
        except ApiError:
            claim.content.ended = True
            storage.remove(coming.id)
            raise
        if creation.has_body:
            try:
                upload = await arriving.append(
                    upload, claim, body, before=blocks, checksum=creation.checksum, last=last
                )
            except ApiError as error:
                error.headers["Location"] = f"/uploads/{upload.id}"
                raise
        return stands(upload, claim.content)


async def _create_final(coming: Arrival, creation: Creation) -> None:
    most = settings.UPLOAD_MAX_BYTES
    async with locks.claim(coming.id, new=True) as claim:
        try:
            upload = await database.write(rows.create_final, coming, creation.parts, most)
        except ApiError:
            claim.content.ended = True
            storage.remove(coming.id)
            raise
    if upload.size is None or upload.size > finishing.AT_ONCE_BYTES:
        finishing.later(upload.id)
        return
    try:
        await finishing.finish_now(upload.id)
    except DiskFull:  # who is refused asks anew: the file must not come twice once there is room
        await database.write(arrivals.terminate, upload.id)
        raise
