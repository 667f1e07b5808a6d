"""What the database knows of an upload: one plain value for files and partials alike.

Changes of a file's status are `processing.jobs`' alone; rows of partials (tus concatenation) are
made, changed and removed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from uploads.errors import (
    BadRequest,
    NotFound,
    QuotaReached,
    TooLarge,
    TooManyUploads,
    WrongState,
)
from uploads.models import Partial, Space, UploadedFile
from uploads.processing.jobs import arrivals, wishes
from uploads.processing.jobs.arrivals import Arrival

JOINED_PARTS_SECONDS = 900  # how long parts can be used once more after they were joined


@dataclass(frozen=True)
class Upload:
    """A file or a partial as receiving sees it."""

    id: UUID
    space_id: int
    size: int | None
    complete: bool
    metadata: str
    name: str = ""
    media_type: str | None = None
    sha256: str | None = None
    batch: str | None = None
    expected_sha256: str | None = None
    concat: Literal["", "partial", "final"] = ""
    parts: tuple[UUID, ...] = ()


def expiry(touched: datetime | None = None) -> datetime:
    """When an upload expires that got its last byte at `touched` (default: now)."""
    return (touched or timezone.now()) + timedelta(seconds=settings.UPLOAD_EXPIRES_SECONDS)


def find(upload_id: UUID) -> Upload:
    """The upload with this id. Raises NotFound."""
    file = UploadedFile.objects.filter(pk=upload_id).first()
    if file is not None:
        return of_file(file)
    partial = Partial.objects.filter(pk=upload_id).first()
    if partial is None:
        raise NotFound
    return _of_partial(partial)


def of_file(file: UploadedFile) -> Upload:
    """A file's row as an upload."""
    return Upload(
        id=file.pk,
        space_id=file.space_id,
        size=file.size,
        complete=file.complete,
        metadata=file.metadata,
        name=file.name,
        media_type=file.media_type,
        sha256=file.sha256,
        batch=file.batch,
        expected_sha256=file.expected_sha256,
        concat="" if file.parts is None else "final",
        parts=tuple(UUID(part) for part in file.parts or ()),
    )


def _of_partial(partial: Partial) -> Upload:
    return Upload(
        id=partial.pk,
        space_id=partial.space_id,
        size=partial.size,
        complete=partial.complete,
        metadata=partial.metadata,
        concat="partial",
    )


# -- files ----------------------------------------------------------------------------------------


def create(arrival: Arrival) -> Upload:
    """A file's row. Raises as `arrivals.create` does."""
    return of_file(arrivals.create(arrival))


def announce_size(upload: Upload, size: int) -> None:
    """The length of an upload that was created without one. Raises WrongState, QuotaReached."""
    if upload.concat != "partial":
        arrivals.announce_size(upload.id, size)
        return
    _check_quota(Space.objects.select_for_update().get(pk=upload.space_id), size)
    if not Partial.objects.filter(pk=upload.id, size=None).update(size=size):
        raise WrongState("The length of this upload is known already and can't change.")


def room(upload: Upload) -> int | None:
    """Bytes that an upload of unknown length, which is not counted yet, may have by its space's
    quota; None where there is none.
    """
    space = Space.objects.get(pk=upload.space_id)
    return space.room(_held_by_partials(space) if upload.concat == "partial" else 0)


def remove(upload: Upload) -> list[UUID]:
    """End an upload or a file; the final uploads that wait for it. Raises NotFound when it is gone
    already.
    """
    if upload.concat != "partial":
        wishes.delete(upload.id)
        return []
    if not Partial.objects.filter(pk=upload.id).delete()[0]:
        raise NotFound
    return _waiting_for(upload)


# -- partials and finals (tus concatenation) ------------------------------------------------------


def create_partial(arrival: Arrival) -> Upload:
    """A partial's row. Raises QuotaReached, TooManyUploads."""
    space = Space.objects.select_for_update().get(pk=arrival.space_id)
    others = Partial.objects.filter(space=space).count()
    if space.receiving + others >= settings.SPACE_OPEN_UPLOADS:
        raise TooManyUploads
    _check_quota(space, arrival.size or 0)
    partial = Partial.objects.create(
        id=arrival.id,
        space=space,
        uploader_id=arrival.uploader_id,
        metadata=arrival.metadata,
        size=arrival.size,
        expires_at=arrival.expires_at or expiry(),
    )
    return _of_partial(partial)


def _check_quota(space: Space, size: int) -> None:
    room = space.room(_held_by_partials(space))
    if room is not None and size > room:
        raise QuotaReached


def _held_by_partials(space: Space) -> int:
    return Partial.objects.filter(space=space).aggregate(sum=Sum("size"))["sum"] or 0


def complete_partial(upload: Upload, size: int) -> list[UUID]:
    """Every byte of a partial is stored; the final uploads that wait for it."""
    Partial.objects.filter(pk=upload.id).update(complete=True, size=size)
    return _waiting_for(upload)


def _waiting_for(upload: Upload) -> list[UUID]:
    waiting = UploadedFile.objects.filter(
        space=upload.space_id, complete=False, parts__isnull=False
    )
    return [
        pk for pk, parts in waiting.values_list("pk", "parts") if str(upload.id) in (parts or ())
    ]


def create_final(arrival: Arrival, parts: Sequence[UUID], most: int) -> Upload:
    """A file that is joined from partials, which may be unfinished still.

    Raises BadRequest for parts that are none of this space's, TooLarge, and as `arrivals.create`
    does.
    """
    sizes = dict(
        Partial.objects.filter(space=arrival.space_id, pk__in=parts).values_list("pk", "size")
    )
    if missing := set(parts) - set(sizes):
        raise BadRequest(f"There is no partial upload {min(missing)} in this space.")
    known = [sizes[part] for part in parts]
    size = None if None in known else sum(filter(None, known))
    if size is not None and size > most:
        raise TooLarge(f"At most {most} bytes are taken; these parts have {size}.")
    file = arrivals.create(replace(arrival, size=size))
    file.parts = [str(part) for part in parts]
    UploadedFile.objects.filter(pk=file.pk).update(parts=file.parts)
    return of_file(file)


def ready_parts(upload: Upload) -> list[Upload] | None:
    """A final upload's partials, None while one is unfinished. Raises NotFound when one is gone."""
    rows = {
        partial.pk: _of_partial(partial) for partial in Partial.objects.filter(pk__in=upload.parts)
    }
    if set(upload.parts) - set(rows):
        raise NotFound("A part of this upload is gone.")
    if not all(part.complete for part in rows.values()):
        return None
    return [rows[part] for part in upload.parts]


def release_parts(upload: Upload) -> None:
    """The partials were joined: they can go soon."""
    soon = timezone.now() + timedelta(seconds=JOINED_PARTS_SECONDS)
    Partial.objects.filter(pk__in=upload.parts, expires_at__gt=soon).update(expires_at=soon)


# -- what the sweep asks --------------------------------------------------------------------------


def stale(now: datetime) -> list[Upload]:
    """Unfinished uploads, and partials, whose time is over unless a byte came lately."""
    files = UploadedFile.objects.filter(complete=False, expires_at__lt=now)
    partials = Partial.objects.filter(expires_at__lt=now)
    return [of_file(file) for file in files] + [_of_partial(partial) for partial in partials]


def extend(upload: Upload, expires_at: datetime) -> None:
    """A byte has come lately."""
    if upload.concat == "partial":
        Partial.objects.filter(pk=upload.id).update(expires_at=expires_at)
    else:
        arrivals.extend(upload.id, expires_at)


def unfinished() -> list[Upload]:
    """All that is being received."""
    files = UploadedFile.objects.filter(complete=False)
    partials = Partial.objects.filter(complete=False)
    return [of_file(file) for file in files] + [_of_partial(partial) for partial in partials]


def known(ids: Sequence[UUID]) -> set[UUID]:
    """Those of these ids that the database has."""
    files = UploadedFile.objects.filter(pk__in=ids).values_list("pk", flat=True)
    partials = Partial.objects.filter(pk__in=ids).values_list("pk", flat=True)
    return {*files, *partials}
