"""Commits small files together: those that arrive while a commit runs share the next one.

What one file costs the database is mostly the number of statements, and of commits; so a crowd of
small files is written by a handful of statements, and one that comes alone waits for nobody.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from project import database
from uploads.errors import ApiError
from uploads.models import UploadedFile
from uploads.processing import jobs
from uploads.processing.jobs import Arrival

MOST = 64  # files in one write


@dataclass(frozen=True)
class _Place:
    """A file that waits to be written, and who waits for it."""

    arrival: Arrival
    sha256: str
    future: "asyncio.Future[UploadedFile]"


class _Line:
    """The small files of one space."""

    def __init__(self) -> None:
        self.waiting: list[_Place] = []
        self.busy = False

    def begin(self) -> None:
        """Write what waits."""
        places, self.waiting = self.waiting[:MOST], self.waiting[MOST:]
        self.busy = bool(places)
        if places:
            whole = [(place.arrival, place.sha256) for place in places]
            writing = database.submit(jobs.receive_together, whole)
            writing.add_done_callback(partial(self._written, places))

    def _written(
        self, places: Sequence[_Place], writing: "asyncio.Future[list[UploadedFile]]"
    ) -> None:
        self.begin()
        error = writing.exception()
        if error is None:
            for place, file in zip(places, writing.result(), strict=True):
                _settle(place, file, None)
        elif isinstance(error, ApiError) and len(places) > 1:
            for place in places:  # one of them is refused, and none is taken: each by itself
                alone = database.submit(jobs.receive, place.arrival, sha256=place.sha256)
                alone.add_done_callback(partial(_alone, place))
        else:
            for place in places:
                _settle(place, None, error)


def _alone(place: _Place, writing: "asyncio.Future[UploadedFile]") -> None:
    error = writing.exception()
    _settle(place, None if error else writing.result(), error)


def _settle(place: _Place, file: UploadedFile | None, error: BaseException | None) -> None:
    if place.future.done():  # whoever waited was cancelled; the write stands all the same
        return
    if error is not None:
        place.future.set_exception(error)
    elif file is not None:
        place.future.set_result(file)


_lines: defaultdict[int, _Line] = defaultdict(_Line)  # by space


async def receive(arrival: Arrival, sha256: str) -> UploadedFile:
    """As `jobs.receive`, after its commit. Raises as that does."""
    place = _Place(arrival, sha256, asyncio.get_running_loop().create_future())
    line = _lines[arrival.space_id]
    line.waiting.append(place)
    if not line.busy:
        line.begin()
    try:
        return await place.future
    finally:
        if not line.busy:
            _lines.pop(arrival.space_id, None)
