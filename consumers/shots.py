"""Snapshots for those who join a stream: taken once for all who join at the same time."""

import asyncio
from collections.abc import Callable

from consumers import frames
from consumers.frames import Audience
from project import database
from uploads.publishing import log as record
from uploads.publishing import snapshot
from uploads.publishing.measures import Measures

SHARED_SECONDS = 1  # joiners within this time share one snapshot


class Shot:
    """A snapshot that is encoded already."""

    def __init__(self, head: record.Head, files: list[str], taken_at: float) -> None:
        self.epoch = head.epoch
        self.seq = head.seq
        self.counts = frames.dumps(head.counts)
        self.files = files
        self.taken_at = taken_at


class Shots:
    """The newest for each audience, until they are forgotten."""

    def __init__(self, space_id: int, measures: Measures) -> None:
        self.space_id = space_id
        self.measures = measures
        self._newest: dict[Audience, Shot] = {}
        self._taking = asyncio.Lock()

    async def take(self, audience: Audience, usable: Callable[[Shot], bool]) -> Shot:
        """One that is fresh, and `usable`."""
        async with self._taking:
            now = asyncio.get_running_loop().time()
            shot = self._newest.get(audience)
            if shot is None or now - shot.taken_at > SHARED_SECONDS or not usable(shot):
                shot = self._newest[audience] = await self._anew(audience, now)
        return shot

    async def _anew(self, audience: Audience, now: float) -> Shot:
        taken = await database.read(
            snapshot.take, self.space_id, batch=audience.batch, file=audience.file
        )
        files = [frames.dumps(self.measures.show(self.space_id, file)) for file in taken.files]
        return Shot(taken.head, files, now)

    def forget(self) -> None:
        """They hold memory, and are soon too old."""
        self._newest.clear()
