"""What a request does to an upload that exists: find it, say where it stands, go on, end it.

Both protocols do it by these.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from project import database
from project.bodies import Body
from uploads import storage
from uploads.access import rights
from uploads.errors import Forbidden, InconsistentLength, Locked, TooLarge, WrongOffset
from uploads.models import Role
from uploads.receiving import arriving, content, finishing, locks, rows
from uploads.receiving.content import Content
from uploads.receiving.locks import Claim
from uploads.receiving.rows import Upload
from uploads.receiving.tus import Append
from uploads.storage import in_pool


@dataclass(frozen=True)
class Standing:
    """Where an upload stands. `offset` None: a final upload that is not joined yet."""

    id: UUID
    size: int | None
    offset: int | None
    expires_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether every byte is stored."""
        return self.offset is not None and self.offset == self.size


def stands(upload: Upload, stored: Content) -> Standing:
    """Where an upload stands whose content is in our hands."""
    expires_at = None if stored.offset == upload.size else rows.expiry(stored.touched())
    return Standing(upload.id, upload.size, stored.offset, expires_at)


async def find(request: HttpRequest, upload_id: UUID, need: Role = Role.UPLOADER) -> Upload:
    """An upload of a space of the requester's. Raises NotFound, Forbidden."""
    upload = await database.read(rows.find, upload_id)
    rights.inside(request, upload.space_id, need)
    return upload


async def standing(upload: Upload) -> Standing:
    """Where it stands; a request that still sends is told to let go first. Raises Locked."""
    if upload.complete:
        return Standing(upload.id, upload.size, upload.size)
    if upload.concat == "final":
        return Standing(upload.id, upload.size, None)
    whole = await in_pool(content.settled_length, upload.id)
    if whole is not None and whole == upload.size:
        return Standing(upload.id, upload.size, whole)
    async with locks.claim(upload.id) as claim:
        return stands(upload, claim.content)


async def append(upload: Upload, wanted: Append, body: Body, *, last: bool = False) -> Standing:
    """Store a body behind what is there; `last` says that its end is the upload's.

    Raises Forbidden, WrongOffset, BadRequest, TooLarge, DiskFull, Locked, and as
    `arriving.append` does.
    """
    if upload.concat == "final":
        raise Forbidden("A final upload takes no bytes; send them to its parts.")
    async with locks.claim(upload.id) as claim:
        if claim.waited:
            upload = await database.read(rows.find, upload.id)
        upload = await _begin(upload, claim, wanted, body)
        if not upload.complete:
            upload = await arriving.append(upload, claim, body, checksum=wanted.checksum, last=last)
        return stands(upload, claim.content)


async def _begin(upload: Upload, claim: Claim, wanted: Append, body: Body) -> Upload:
    """Check a request against what is stored, and note the length where it is told now."""
    offset = claim.content.offset
    if wanted.offset != offset:
        raise WrongOffset(headers={"Upload-Offset": str(offset)})
    size = upload.size if wanted.length is None else wanted.length
    if size != upload.size:
        _check_length(upload, size or 0, offset)
    if size is not None and offset + (body.length or 0) > size:
        raise TooLarge(f"The upload takes {size} bytes; this body would make it longer.")
    storage.check_room(body.length or 0)
    if size is None or size == upload.size:
        return upload
    await database.write(rows.announce_size, upload, size)  # last: what is refused changes nothing
    return await database.read(rows.find, upload.id)


def _check_length(upload: Upload, length: int, offset: int) -> None:
    if upload.size is not None:
        raise InconsistentLength(f"The upload's length is {upload.size} and can't change.")
    if length > settings.UPLOAD_MAX_BYTES:
        raise TooLarge(f"At most {settings.UPLOAD_MAX_BYTES} bytes are taken.")
    if length < offset:
        raise InconsistentLength(f"The upload holds {offset} bytes already.")


async def end(upload: Upload) -> None:
    """End an upload, or delete the file that it has become. Raises NotFound."""
    if upload.complete:
        await _remove(upload)
        return
    try:
        async with locks.claim(upload.id) as claim:
            claim.content.ended = True
            await _remove(upload)
    except Locked:  # its writer notices that it writes into nothing
        await _remove(upload)


async def _remove(upload: Upload) -> None:
    for final in await database.write(rows.remove, upload):
        finishing.later(final)
    if upload.concat == "partial":
        storage.remove(upload.id)
