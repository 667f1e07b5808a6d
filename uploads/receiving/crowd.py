"""The only module that starts the process for crowds of small files, and talks to it from the loop.

A small upload costs Python as much work for the database as for HTTP, and one process does only one
of them at a time. So while crowds come, a second process stores the files and writes them down
(`receiver`), in the writing thread's turn; the loop hands each over with one system call and hears
of many at once. Where the process dies, what it had is looked for and taken here.
"""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from django.conf import settings

from project import database
from project.commits import run_hooks
from project.lending import Lender
from project.services import beside
from uploads import storage
from uploads.models import UploadedFile
from uploads.publishing import doorbell
from uploads.receiving import together
from uploads.receiving.intake import budget
from uploads.receiving.receiver import Left, Ready, Refused, Unpacker, Written, packed
from uploads.receiving.together import Place

log = structlog.get_logger(__name__)

IDLE_SECONDS = 60  # in which it is done with no file, because none comes or it hangs: it ends
AGAIN_SECONDS = 60  # after one that could not start, before another is tried
BUFFER_BYTES = 4 * 1024 * 1024  # of the line, as far as the system allows
READ_BYTES = 1024 * 1024


class Crowd:
    """The loop's end of the line to one process. Give it to `together.hand_over` when `ready`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._places: dict[UUID, Place] = {}
        self._unsent: list[memoryview] = []
        self._unpacker = Unpacker()
        self.ready: asyncio.Future[bool] = loop.create_future()
        self.gone: asyncio.Future[bool] = loop.create_future()
        self.done = 0  # with files, ever
        self._line, theirs = socket.socketpair()
        turn, borrowed = socket.socketpair()
        for end in (self._line, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        handles = (theirs.fileno(), borrowed.fileno())
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "receiver"]
        with theirs, borrowed:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [*command, *map(str, handles)], pass_fds=handles, stdin=subprocess.DEVNULL
                )
            except OSError:
                self._line.close()
                turn.close()
                raise
        self._lender = Lender(turn)
        self._line.setblocking(False)  # noqa: FBT003
        loop.add_reader(self._line, self._readable)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def put(self, place: Place) -> None:
        """Send it over now: the process is to begin before the next request is looked at."""
        self._places[place.file.arrival.id] = place
        frame = memoryview(packed(place.file))
        if not self._unsent:
            frame = frame[self._sent(frame) :]
            if frame:
                self._loop.add_writer(self._line, self._writable)
        if frame:
            self._unsent.append(frame)

    def _sent(self, frame: memoryview) -> int:
        try:
            return self._line.send(frame)
        except BlockingIOError:
            return 0
        except OSError:  # it has died, as reading will tell
            return len(frame)

    def _writable(self) -> None:
        while self._unsent:
            frame = self._unsent[0]
            sent = self._sent(frame)
            if sent < len(frame):
                self._unsent[0] = frame[sent:]
                return
            del self._unsent[0]
        self._loop.remove_writer(self._line)

    def _readable(self) -> None:
        try:
            data = self._line.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        for answer in self._unpacker.take(data):
            self._hear(answer)

    def _hear(self, answer: object) -> None:
        match answer:
            case Ready():
                database.lend(self._lender)
                self.ready.set_result(True)
            case Written():
                run_hooks(answer.hooks)
                for file in answer.files:
                    self._pop(file.pk).settle(file, None)
            case Refused():
                for file_id, error in answer.errors.items():
                    self._pop(file_id).settle(None, error)
            case Left():
                places = []
                for file_id, sha256 in answer.digests.items():
                    place = self._pop(file_id)
                    place.sha256 = sha256
                    places.append(place)
                together.write_down(places)

    def _pop(self, file_id: UUID) -> Place:
        self.done += 1
        place = self._places.pop(file_id)
        budget.give(len(place.file.data))
        return place

    def close(self) -> None:
        """Hang up: nothing more is sent, and nothing heard."""
        if self.gone.done():
            return
        self._loop.remove_reader(self._line)
        self._loop.remove_writer(self._line)
        self._line.close()
        self.gone.set_result(True)

    async def end(self) -> None:
        """Return when there is no process any more, and nobody waits for it.

        It is not asked: one that hangs would not hear, and what it had is looked for here.
        """
        self.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        self._lender.close()
        places, self._places = self._places, {}
        await asyncio.gather(*map(_recover, places.values()))


async def _recover(place: Place) -> None:
    """Whether its row was committed, nobody has said."""
    file_id = place.file.arrival.id
    try:
        written = await database.read(UploadedFile.objects.filter(pk=file_id).first)
        if written is not None:
            budget.give(len(place.file.data))
            doorbell.wake()
            place.settle(written, None)
        else:
            await storage.in_pool(storage.remove_now, file_id)
            together.take_here(place)
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
        budget.give(len(place.file.data))
        place.settle(None, error)


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """While the server lives there is a process whenever crowds come."""
    if settings.DATABASE_URL or not settings.RECEIVER_PROCESS:
        yield
        return
    async with beside(_watch(), "crowds"):
        yield


async def _watch() -> None:
    while True:
        await together.crowd()
        try:
            crowd = Crowd(asyncio.get_running_loop())
        except OSError as error:
            log.warning("no process for small files", error=str(error))
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            await serve(crowd)
            if not crowd.ready.done():
                await asyncio.sleep(AGAIN_SECONDS)


async def serve(crowd: Crowd) -> None:
    """Give the process all small files until it dies or none come any more."""
    try:
        await asyncio.wait([crowd.ready, crowd.gone], return_when=asyncio.FIRST_COMPLETED)
        if crowd.ready.done():
            log.info("small files have a process of their own", pid=crowd.pid)
            together.hand_over(crowd)
        before = -1
        while not crowd.gone.done() and crowd.done != before:
            before = crowd.done
            await asyncio.wait([crowd.gone], timeout=IDLE_SECONDS)
        if crowd.gone.done():
            log.warning("the process for small files has died", pid=crowd.pid)
    finally:
        together.hand_over(None)
        await crowd.end()
