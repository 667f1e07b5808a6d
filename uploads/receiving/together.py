"""Takes small files together: those that arrive while others are stored share the next trip to the
disk, and those that are stored while a commit runs share the next one.

What one file costs is mostly the number of trips between threads, of statements and of commits; so
a crowd of small files is taken by a handful of each, and one that comes alone waits for nobody.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings

from project import database
from uploads import storage
from uploads.errors import ApiError, ChecksumMismatch, DigestMismatch
from uploads.models import UploadedFile
from uploads.processing import jobs
from uploads.processing.jobs import Arrival
from uploads.receiving import tus
from uploads.receiving.content import store_whole
from uploads.receiving.intake import budget
from uploads.receiving.tus import Checksum

MOST = 64  # files in one write
TRIPS = 2  # to the disk at the same time: one for each core of a small machine


@dataclass(eq=False, slots=True)
class _Place:
    """A file that waits to be stored and written down, and who waits for it."""

    arrival: Arrival
    data: bytes
    checksum: Checksum | None
    future: "asyncio.Future[UploadedFile]"
    sha256: str = ""

    def settle(self, file: UploadedFile | None, error: BaseException | None) -> None:
        if self.future.done():  # whoever waited was cancelled; what was done stands all the same
            return
        if error is not None:
            self.future.set_exception(error)
        elif file is not None:
            self.future.set_result(file)


async def take(arrival: Arrival, data: bytes, checksum: Checksum | None = None) -> UploadedFile:
    """Store a file whose bytes are all here, then as `jobs.receive`, after its commit.

    Raises ChecksumMismatch, DigestMismatch, DiskFull, and as `jobs.receive` does; nothing is left
    of it then.
    """
    if budget.full:
        await budget.room()
    budget.take(len(data))
    place = _Place(arrival, data, checksum, asyncio.get_running_loop().create_future())
    _disk.put(place)
    return await place.future


# -- to the disk -----------------------------------------------------------------------------------


class _Disk:
    """The small files of all spaces on their way to the disk."""

    def __init__(self) -> None:
        self._waiting: list[_Place] = []
        self._trips = 0

    def put(self, place: _Place) -> None:
        self._waiting.append(place)
        self._begin()

    def _begin(self) -> None:
        if not self._waiting or self._trips == TRIPS:
            return
        places, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._trips += 1
        storage.submit(_store, places).add_done_callback(partial(self._stored, places))

    def _stored(
        self,
        places: Sequence[_Place],
        storing: "asyncio.Future[dict[_Place, Exception]]",
    ) -> None:
        self._trips -= 1
        budget.give(sum(len(place.data) for place in places))
        broken = storing.exception()
        for place in places:
            error = broken or storing.result().get(place)
            if error is None:
                _lines[place.arrival.space_id].put(place)
            else:
                place.settle(None, error)
        self._begin()


def _store(places: Sequence[_Place]) -> dict[_Place, Exception]:
    """In a thread: those that can't be taken, and why."""
    refused: dict[_Place, Exception] = {}
    for place in places:
        if (refusal := _check(place)) is not None:
            refused[place] = refusal
    good = {place.arrival.id: place for place in places if place not in refused}
    whole = [(file_id, place.data) for file_id, place in good.items()]
    for file_id, error in store_whole(whole, lasting=settings.UPLOAD_FSYNC).items():
        refused[good[file_id]] = storage.as_answer(error)
    return refused


def _check(place: _Place) -> ApiError | None:
    checksum = place.checksum
    if checksum is not None:
        hashing = tus.hasher(checksum)
        hashing.update(place.data)
        if hashing.digest() != checksum.digest:
            return ChecksumMismatch()
    place.sha256 = hashlib.sha256(place.data).hexdigest()
    if place.arrival.expected_sha256 not in {None, place.sha256}:
        return DigestMismatch()
    return None


# -- to the database -------------------------------------------------------------------------------


class _Line:
    """The small files of one space on their way to the database."""

    def __init__(self) -> None:
        self._waiting: list[_Place] = []
        self._busy = False

    def put(self, place: _Place) -> None:
        self._waiting.append(place)
        if not self._busy:
            # with those that the same trip brings
            self._busy = True
            asyncio.get_running_loop().call_soon(self._begin, place.arrival.space_id)

    def _begin(self, space_id: int) -> None:
        places, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if not places:
            self._busy = False
            _lines.pop(space_id, None)
            return
        whole = [(place.arrival, place.sha256) for place in places]
        writing = database.submit(jobs.receive_together, whole)
        writing.add_done_callback(partial(self._written, space_id, places))

    def _written(
        self,
        space_id: int,
        places: Sequence[_Place],
        writing: "asyncio.Future[list[UploadedFile]]",
    ) -> None:
        self._begin(space_id)
        error = writing.exception()
        if error is None:
            for place, file in zip(places, writing.result(), strict=True):
                place.settle(file, None)
        elif isinstance(error, ApiError) and len(places) > 1:
            for place in places:  # one of them is refused, and none is taken: each by itself
                alone = database.submit(jobs.receive, place.arrival, sha256=place.sha256)
                alone.add_done_callback(partial(_alone, place))
        else:
            for place in places:
                _fail(place, error)


def _alone(place: _Place, writing: "asyncio.Future[UploadedFile]") -> None:
    if (error := writing.exception()) is not None:
        _fail(place, error)
    else:
        place.settle(writing.result(), None)


def _fail(place: _Place, error: BaseException) -> None:
    """Only a refusal is certain not to have been written down; the sweep sees to all else."""
    if isinstance(error, ApiError):
        storage.remove(place.arrival.id)
    place.settle(None, error)


_disk = _Disk()
_lines: defaultdict[int, _Line] = defaultdict(_Line)  # by space
