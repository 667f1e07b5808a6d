"""Takes small files together: those that arrive while others are stored share the next trip to the
disk, and those that are stored while a commit runs share the next one.

What one file costs is mostly the number of trips between threads, of statements and of commits; so
a crowd of small files is taken by a handful of each, and one that comes alone waits for nobody.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

from django.conf import settings

from project import database
from uploads import storage
from uploads.errors import ApiError
from uploads.models import UploadedFile
from uploads.processing.jobs import arrivals
from uploads.processing.jobs.arrivals import Arrival
from uploads.receiving.intake import budget
from uploads.receiving.small import MOST, Small, store
from uploads.receiving.tus import Checksum

CROWD, PAUSE_SECONDS = 64, 1  # files without such a pause between them
TRIPS = 2  # to the disk at the same time, where it is waited for: one waits while one writes


@dataclass(eq=False, slots=True)
class Place:
    """A file that waits to be stored and written down, and who waits for it."""

    file: Small
    future: "asyncio.Future[UploadedFile]"
    sha256: str = ""

    def settle(self, file: UploadedFile | None, error: BaseException | None) -> None:
        """It is written down, or is not to be."""
        if self.future.done():  # whoever waited was cancelled; what was done stands all the same
            return
        if error is not None:
            self.future.set_exception(error)
        elif file is not None:
            self.future.set_result(file)


async def take(arrival: Arrival, data: bytes, checksum: Checksum | None = None) -> UploadedFile:
    """Store a file whose bytes are all here, then as `arrivals.receive`, after its commit.

    Raises ChecksumMismatch, DigestMismatch, DiskFull, and as `arrivals.receive` does; nothing is
    left of it then.
    """
    if budget.full:
        await budget.room()
    budget.take(len(data))
    place = Place(Small(arrival, data, checksum), asyncio.get_running_loop().create_future())
    (_elsewhere or _disk).put(place)
    return await place.future


class Taker(Protocol):
    """Whoever stores small files and has them written down."""

    def put(self, place: Place) -> None:
        """Take this one, and settle its place in the end."""


def hand_over(taker: Taker | None) -> None:
    """From now on `taker` gets all that come; None: they are taken here again."""
    global _elsewhere
    _elsewhere = taker


def take_here(place: Place) -> None:
    """Take what somebody else could not."""
    _disk.put(place)


async def crowd() -> None:
    """Return when a crowd comes."""
    await _disk.crowd()


# -- to the disk -----------------------------------------------------------------------------------


class _Disk:
    """The small files of all spaces on their way to the disk."""

    def __init__(self) -> None:
        self._waiting: list[Place] = []
        self._trips = 0
        self._last, self._count = float("-inf"), 0
        self._crowd = asyncio.Event()

    def put(self, place: Place) -> None:
        self._waiting.append(place)
        self._begin()

    def _begin(self) -> None:
        if not self._waiting or self._trips >= (TRIPS if settings.UPLOAD_FSYNC else 1):
            return
        places, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._trips += 1
        self._look(len(places))
        storing = storage.submit(_store, places, asyncio.get_running_loop())
        storing.add_done_callback(partial(self._stored, places))

    def _look(self, number: int) -> None:
        last, self._last = self._last, time.monotonic()
        self._count = number if self._last - last > PAUSE_SECONDS else self._count + number
        if self._count >= CROWD:
            self._crowd.set()

    async def crowd(self) -> None:
        self._count = 0
        self._crowd.clear()
        await self._crowd.wait()

    def _stored(
        self,
        places: Sequence[Place],
        storing: "asyncio.Future[dict[Place, Exception]]",
    ) -> None:
        self._trips -= 1
        budget.give(sum(len(place.file.data) for place in places))
        broken = storing.exception()
        refused = dict.fromkeys(places, broken) if broken is not None else storing.result()
        for place, error in refused.items():
            place.settle(None, error)
        self._begin()


def _store(places: Sequence[Place], loop: asyncio.AbstractEventLoop) -> dict[Place, Exception]:
    """In a thread: those that can't be taken, and why. The others go on to the database from here,
    since the loop has other requests to read first.
    """
    refused: dict[Place, Exception] = {}
    good: list[Place] = []
    for place, outcome in zip(places, store([place.file for place in places]), strict=True):
        if isinstance(outcome, str):
            place.sha256 = outcome
            good.append(place)
        else:
            refused[place] = outcome
    _lines.put(good, loop)
    return refused


# -- to the database -------------------------------------------------------------------------------


def write_down(places: Sequence[Place]) -> None:
    """Files that are stored already, with their `sha256`."""
    _lines.put(places, asyncio.get_running_loop())


class _Lines:
    """The small files that are stored and wait for the writing thread, by space."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, list[Place]] = {}

    def put(self, places: Sequence[Place], loop: asyncio.AbstractEventLoop) -> None:
        """From any thread. Those of a space that already has some waiting go with them."""
        with self._lock:
            new = {place.file.arrival.space_id for place in places} - self._waiting.keys()
            for place in places:
                self._waiting.setdefault(place.file.arrival.space_id, []).append(place)
        for space_id in new:
            self._begin(space_id, loop)

    def _begin(self, space_id: int, loop: asyncio.AbstractEventLoop) -> None:
        group = _Group(partial(self._take, space_id, loop))
        database.submit_from(loop, group.receive, group.written)

    def _take(self, space_id: int, loop: asyncio.AbstractEventLoop) -> list[Place]:
        with self._lock:
            places = self._waiting.pop(space_id)
            if rest := places[MOST:]:
                self._waiting[space_id] = rest
        if rest:
            self._begin(space_id, loop)
        return places[:MOST]


class _Group:
    """Those of one space that are written down together: all that wait when it is their turn."""

    def __init__(self, take: Callable[[], list[Place]]) -> None:
        self._take = take

    @cached_property
    def places(self) -> list[Place]:
        """Taken once, however often the transaction is tried."""
        return self._take()

    def receive(self) -> list[UploadedFile]:
        """On the writing thread, in a transaction."""
        return arrivals.receive_together(
            [(place.file.arrival, place.sha256) for place in self.places]
        )

    def written(self, writing: "asyncio.Future[list[UploadedFile]]") -> None:
        """On the loop, after the commit."""
        error = writing.exception()
        if error is None:
            for place, file in zip(self.places, writing.result(), strict=True):
                place.settle(file, None)
        elif isinstance(error, ApiError) and len(self.places) > 1:
            for place in self.places:  # one is refused, and none is taken: each by itself
                alone = database.submit(arrivals.receive, place.file.arrival, sha256=place.sha256)
                alone.add_done_callback(partial(_alone, place))
        else:
            for place in self.places:
                _fail(place, error)


def _alone(place: Place, writing: "asyncio.Future[UploadedFile]") -> None:
    if (error := writing.exception()) is not None:
        _fail(place, error)
    else:
        place.settle(writing.result(), None)


def _fail(place: Place, error: BaseException) -> None:
    """Only a refusal is certain not to have been written down; the sweep sees to all else."""
    if isinstance(error, ApiError):
        storage.remove(place.file.arrival.id)
    place.settle(None, error)


_disk = _Disk()
_elsewhere: Taker | None = None
_lines = _Lines()
