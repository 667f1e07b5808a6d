"""`millrace put`: many files at once, and what became of each."""

import asyncio
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from millrace_client.client import AsyncClient
from millrace_client.errors import NotFound, Refused, Unreachable
from millrace_client.shapes import ENDED, File, Frame
from millrace_client.showing import Show, Totals
from millrace_client.world import World

# exit codes, the worst of all files wins
PROCESSED, CANCELLED, FAILED, NOT_SENT = 0, 3, 4, 5
WORST = {"processed": PROCESSED, "cancelled": CANCELLED, "failed": FAILED}


@dataclass(frozen=True)
class Entry:
    """A file on disk, and where it lay below what was named."""

    source: Path
    path: str
    size: int


def find(names: Iterable[str]) -> Iterator[Entry]:
    """The files that were named, and all below the folders that were. Raises OSError."""
    for name in names:
        top = Path(name)
        if not top.is_dir():
            yield Entry(top, "", top.stat().st_size)
            continue
        for folder, folders, files in os.walk(top):
            folders.sort()
            for file in sorted(files):
                source = Path(folder, file)
                if source.is_file():
                    path = Path(top.resolve().name, source.relative_to(top))
                    yield Entry(source, path.as_posix(), source.stat().st_size)


class Put:
    """Sends files, a few at a time, and follows them to their ends."""

    def __init__(self, client: AsyncClient, show: Show, entries: list[Entry], batch: str) -> None:
        self.client = client
        self.show = show
        self.entries = entries
        self.batch = batch or f"put-{uuid.uuid4().hex}"
        self.total = None if batch else len(entries)  # others may add to a batch that was named
        self.totals = Totals(len(entries), sum(entry.size for entry in entries))
        self.worst = PROCESSED
        self.ids: set[str] = set()
        self._ended: set[str] = set()
        self._sent: dict[Entry, int] = {}
        self._changed = asyncio.Event()
        self._world = World()

    async def run(self, *, at_once: int, verify: bool, wait: bool) -> int:
        """The exit code."""
        if not self.entries:
            return PROCESSED
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow()) if wait else None
            await self._send_all(at_once, verify=verify)
            if following is not None:
                await self._until_all_have_ended()
                following.cancel()
        self.show.end()
        return self.worst

    async def _send_all(self, at_once: int, *, verify: bool) -> None:
        waiting = iter(self.entries)

        async def work() -> None:
            for entry in waiting:
                await self._send(entry, verify=verify)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(work())

    async def _send(self, entry: Entry, *, verify: bool) -> None:
        def told(done: int, _of: int) -> None:
            self._sent[entry] = done
            self.totals.sent_bytes = sum(self._sent.values())
            self.show.progress(self.totals)

        try:
            file = await self.client.upload(
                entry.source,
                path=entry.path,
                batch=self.batch,
                batch_total=self.total,
                verify=verify,
                told=told,
            )
        except (Refused, Unreachable, OSError) as error:
            code = error.code if isinstance(error, Refused) else type(error).__name__.lower()
            self._count(NOT_SENT)
            words = {"code": code, "message": str(error)}
            self.show.tell("refused", name=entry.source.name, path=str(entry.source), error=words)
            return
        self.totals.sent_files += 1
        self.ids.add(file["id"])
        self.show.tell("sent", id=file["id"], name=file["name"], path=str(entry.source))
        self._look(file)

    async def _follow(self) -> None:
        async with aclosing(self.client.follow(batch=self.batch)) as frames:
            async for frame in frames:
                await self._take(frame)

    async def _take(self, frame: Frame) -> None:
        for file_id in self._world.apply(frame):
            file = self._world.files.get(file_id)
            if file is not None:
                self._look(file)
            elif file_id in self.ids and file_id not in self._ended:
                self._end(file_id, CANCELLED)
        if frame["type"] == "ready":
            # a snapshot holds the newest only; what it leaves out has ended long ago
            for file_id in self.ids - self._ended - self._world.files.keys():
                try:
                    self._look(await self.client.file(file_id))
                except NotFound:
                    self._end(file_id, CANCELLED)
        self.show.progress(self.totals)

    def _look(self, file: File) -> None:
        mine = file["id"] in self.ids
        known = self._world.files.get(file["id"], file)
        if mine and known["status"] in ENDED and file["id"] not in self._ended:
            self.show.tell("ended", file=known)
            self._end(file["id"], WORST[known["status"]])

    def _end(self, file_id: str, code: int) -> None:
        self._ended.add(file_id)
        self._count(code)

    def _count(self, code: int) -> None:
        self.worst = max(self.worst, code)
        self.totals.ended += 1
        self.totals.failed += code >= FAILED
        self._changed.set()

    async def _until_all_have_ended(self) -> None:
        while self._ended != self.ids:
            self._changed.clear()
            await self._changed.wait()
