"""Takes small files together: those that arrive while others are stored share the next trip to the
disk, and those that are stored while a commit runs share the next one.

What one file costs is mostly the number of trips between threads, of statements and of commits; so
a crowd of small files is taken by a handful of each, and one that comes alone waits for nobody.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

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
TRIPS = 2  # to the disk at the same time, where it is waited for: one waits while one writes


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
        if not self._waiting or self._trips >= (TRIPS if settings.UPLOAD_FSYNC else 1):
            return
        places, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._trips += 1
        storing = storage.submit(_store, places, asyncio.get_running_loop())
        storing.add_done_callback(partial(self._stored, places))

    def _stored(
        self,
        places: Sequence[_Place],
        storing: "asyncio.Future[dict[_Place, Exception]]",
    ) -> None:
        self._trips -= 1
        budget.give(sum(len(place.data) for place in places))
        broken = storing.exception()
        refused = dict.fromkeys(places, broken) if broken is not None else storing.result()
        for place, error in refused.items():
            place.settle(None, error)
        self._begin()


def _store(places: Sequence[_Place], loop: asyncio.AbstractEventLoop) -> dict[_Place, Exception]:
    """In a thread: those that can't be taken, and why. The others go on to the database from here,
    since the loop has other requests to read first.
    """
    refused: dict[_Place, Exception] = {}
    for place in places:
        if (refusal := _check(place)) is not None:
            refused[place] = refusal
    good = {place.arrival.id: place for place in places if place not in refused}
    whole = [(file_id, place.data) for file_id, place in good.items()]
    for file_id, error in store_whole(whole, lasting=settings.UPLOAD_FSYNC).items():
        refused[good[file_id]] = storage.as_answer(error)
    _lines.put([place for place in good.values() if place not in refused], loop)
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


class _Lines:
    """The small files that are stored and wait for the writing thread, by space."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, list[_Place]] = {}

    def put(self, places: Sequence[_Place], loop: asyncio.AbstractEventLoop) -> None:
        """From any thread. Those of a space that already has some waiting go with them."""
        with self._lock:
            new = {place.arrival.space_id for place in places} - self._waiting.keys()
            for place in places:
                self._waiting.setdefault(place.arrival.space_id, []).append(place)
        for space_id in new:
            self._begin(space_id, loop)

    def _begin(self, space_id: int, loop: asyncio.AbstractEventLoop) -> None:
        group = _Group(partial(self._take, space_id, loop))
        database.submit_from(loop, group.receive, group.written)

    def _take(self, space_id: int, loop: asyncio.AbstractEventLoop) -> list[_Place]:
        with self._lock:
            places = self._waiting.pop(space_id)
            if rest := places[MOST:]:
                self._waiting[space_id] = rest
        if rest:
            self._begin(space_id, loop)
        return places[:MOST]


class _Group:
    """Those of one space that are written down together: all that wait when it is their turn."""

    def __init__(self, take: Callable[[], list[_Place]]) -> None:
        self._take = take

    @cached_property
    def places(self) -> list[_Place]:
        """Taken once, however often the transaction is tried."""
        return self._take()

    def receive(self) -> list[UploadedFile]:
        """On the writing thread, in a transaction."""
        return jobs.receive_together([(place.arrival, place.sha256) for place in self.places])

    def written(self, writing: "asyncio.Future[list[UploadedFile]]") -> None:
        """On the loop, after the commit."""
        error = writing.exception()
        if error is None:
            for place, file in zip(self.places, writing.result(), strict=True):
                place.settle(file, None)
        elif isinstance(error, ApiError) and len(self.places) > 1:
            for place in self.places:  # one is refused, and none is taken: each by itself
                alone = database.submit(jobs.receive, place.arrival, sha256=place.sha256)
                alone.add_done_callback(partial(_alone, place))
        else:
            for place in self.places:
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
_lines = _Lines()
