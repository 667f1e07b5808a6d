"""Files that come in: created, received and completed, sent on by others, refused, given up."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from uploads.errors import QuotaReached, TooManyFiles, TooManyUploads, WrongState
from uploads.models import Batch, Job, Space, Status, UploadedFile
from uploads.processing import children, nudges
from uploads.processing.children import Inside
from uploads.processing.jobs import moves
from uploads.publishing import log as stream
from uploads.statements import AtLeast, Plus, insert, insert_values, update

TOGETHER = 64  # files in one statement: databases bound its parameters


@dataclass(frozen=True)
class Arrival:
    """What is known of a file when its upload is created."""

    space_id: int
    uploader_id: int | None
    name: str
    path: str = ""
    size: int | None = None
    batch: str | None = None
    batch_total: int | None = None
    metadata: str = ""
    expected_sha256: str | None = None
    expires_at: datetime | None = None
    parent_id: uuid.UUID | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def create(arrival: Arrival) -> UploadedFile:
    """A file begins to be received. Raises QuotaReached, TooManyUploads, TooManyFiles."""
    file = _row(arrival, status=Status.RECEIVING)
    insert([file])
    _admit(stream.created(file), file.size or 0)
    _admit_to_batch(arrival)
    return file


def receive(arrival: Arrival, *, sha256: str) -> UploadedFile:
    """A file that came whole with its creation: one event, already queued. Raises as `create`."""
    return receive_together([(arrival, sha256)])[0]


def receive_together(whole: Sequence[tuple[Arrival, str]]) -> list[UploadedFile]:
    """As `receive` for several files of one space, with their digests, at a fraction of the cost.

    When one is refused, none is taken.
    """
    now = timezone.now()
    files = [_received(arrival, sha256, now) for arrival, sha256 in whole]
    _admit(_take(files, now), sum(file.size or 0 for file in files))
    arrivals = sorted((arrival for arrival, _ in whole), key=lambda one: one.batch_total or 0)
    for arrival in {one.batch: one for one in arrivals}.values():
        _admit_to_batch(arrival)
    return files


def complete(file_id: uuid.UUID, *, size: int, sha256: str) -> UploadedFile:
    """receiving → queued: every byte is stored. Raises WrongState when it was not receiving."""
    before = moves.locked(file_id)
    now = timezone.now()
    file = moves.move(
        file_id,
        Status.RECEIVING,
        status=Status.QUEUED,
        complete=True,
        size=size,
        received=size,
        sha256=sha256,
        received_at=now,
        expires_at=None,
    )
    _enqueue([file], now)
    stream.updated(file, Status.RECEIVING, used=size - (before.size or 0))
    return file


def announce_size(file_id: uuid.UUID, size: int) -> UploadedFile:
    """The length of an upload that was created without one. Raises WrongState when it was known,
    QuotaReached.
    """
    file = update(UploadedFile, {"size": size}, id=file_id, size=None, status=Status.RECEIVING)
    if file is None:
        moves.locked(file_id)
        raise WrongState("The length of this upload is known already and can't change.")
    _admit(stream.updated(file, Status.RECEIVING, used=size), size)
    return file


def extend(file_id: uuid.UUID, expires_at: datetime) -> None:
    """A byte has come: the unfinished upload lives until `expires_at`."""
    UploadedFile.objects.filter(pk=file_id, status=Status.RECEIVING).update(expires_at=expires_at)


def terminate(file_id: uuid.UUID) -> None:
    """receiving → gone. Raises WrongState when it was received already."""
    file = moves.locked(file_id)
    moves.need(file, Status.RECEIVING)
    moves.remove(file)


def send_on(parent: UploadedFile, inside: Inside) -> None:
    """What came out of a file begins its own way, in no batch."""
    now = timezone.now()
    files = []
    for chosen in children.choose(parent, inside):
        arrival = Arrival(
            space_id=parent.space_id,
            uploader_id=parent.uploader_id,
            name=chosen.name,
            path=chosen.path,
            size=chosen.found.size,
            parent_id=parent.pk,
            id=chosen.found.id,
        )
        files.append(_received(arrival, chosen.found.sha256, now))
    for start in range(0, len(files), TOGETHER):
        _take(files[start : start + TOGETHER], now)


def _take(files: Sequence[UploadedFile], now: datetime) -> Space:
    """New files of one space that are there whole; the space as that leaves it."""
    insert(files)
    _enqueue(files, now)
    return stream.created_together(files)


def _enqueue(files: Sequence[UploadedFile], now: datetime) -> None:
    job = vars(Job(queued_at=now))
    insert_values(Job, [job | {"file_id": file.pk, "space_id": file.space_id} for file in files])
    for file in files:
        nudges.waiting(file.pk)


def _received(arrival: Arrival, sha256: str, now: datetime) -> UploadedFile:
    file = _row(arrival, status=Status.QUEUED)
    file.complete, file.received = True, arrival.size or 0
    file.received_at = max(now, file.created_at)  # its row is made after `now`
    file.sha256, file.expires_at = sha256, None
    return file


def _row(arrival: Arrival, status: Status) -> UploadedFile:
    return UploadedFile(
        id=arrival.id,
        space_id=arrival.space_id,
        uploader_id=arrival.uploader_id,
        name=arrival.name,
        path=arrival.path,
        size=arrival.size,
        batch=arrival.batch,
        metadata=arrival.metadata,
        expected_sha256=arrival.expected_sha256,
        expires_at=arrival.expires_at,
        parent_id=arrival.parent_id,
        status=status,
    )


def _admit(space: Space, size: int) -> None:
    """Refuse what the space, as the change leaves it, does not hold; that undoes the change."""
    if space.receiving > settings.SPACE_OPEN_UPLOADS:
        raise TooManyUploads
    quota = space.quota
    if quota and size and space.used_bytes > quota:
        used = space.used_bytes - size
        raise QuotaReached(f"The space holds {used} of {quota} bytes; {size} more do not fit.")


def _admit_to_batch(arrival: Arrival) -> None:
    """Refuse what the batch, which counts this file already, does not hold."""
    if arrival.batch is None:
        return
    change: dict[str, Any] = {"gone": Plus(0)}
    if arrival.batch_total is not None:  # they overtake each other: the most was told last
        change = {"total": AtLeast(arrival.batch_total)}
    batch = update(Batch, change, space_id=arrival.space_id, key=arrival.batch)
    if batch is not None:
        check_batch(sum(batch.counts.values()))


def check_batch(files: int) -> None:
    """Raises TooManyFiles for more than a batch may hold."""
    if files > settings.BATCH_MAX_FILES:
        raise TooManyFiles(f"A batch holds at most {settings.BATCH_MAX_FILES} files.")
