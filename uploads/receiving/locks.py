"""The only module that decides whose turn it is with an upload: one request at a time.

A newcomer asks the holder to let go, and the holder puts away what it has and ends: a client that
comes back while its old request still hangs need not wait for a time-out. In this process the
holder is told at once; in another one it looks for waiting locks (`Content.has_waiter`) several
times a second. A holder whose bytes would be lost with it, since they come all or nothing, is firm.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from uploads import storage
from uploads.errors import Locked
from uploads.receiving import content as contents
from uploads.receiving.content import Busy, Content
from uploads.storage import in_pool

WAIT_SECONDS = 15.0  # for a holder that stores its last bytes on a slow disk
POLL_SECONDS = 0.05  # for a holder in another process


class Claim:
    """The right to change one upload, and its content, open."""

    content: Content

    def __init__(self, *, waited: bool, firm: bool) -> None:
        self.waited = waited  # others may have changed the upload since it was looked up
        self.firm = firm  # what it holds can't be gone on with: it lets go for nobody
        self.wanted = False
        self.on_wanted: Callable[[], None] = _nothing

    def let_go(self) -> None:
        """Somebody newer waits."""
        self.wanted = True
        self.on_wanted()


def _nothing() -> None:
    """What a short request does when somebody waits: it ends soon by itself."""


class _Seat:
    """Who holds and who waits for one upload in this process."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holder: Claim | None = None
        self.people = 0


_seats: dict[UUID, _Seat] = {}


@asynccontextmanager
async def claim(file_id: UUID, *, new: bool = False, firm: bool = False) -> AsyncIterator[Claim]:
    """Hold an upload; `new` makes its content. Raises NotFound, and Locked after WAIT_SECONDS or
    where the holder is `firm`.
    """
    async with _turn(file_id, firm=firm) as mine:
        mine.content = await (in_pool(Content.create, file_id) if new else _opened(mine, file_id))
        try:
            yield mine
        finally:
            mine.content.close()


@asynccontextmanager
async def _turn(file_id: UUID, *, firm: bool) -> AsyncIterator[Claim]:
    seat = _seats.setdefault(file_id, _Seat())
    if seat.holder is not None and seat.holder.firm:
        raise Locked
    seat.people += 1
    try:
        waited = seat.lock.locked()
        if seat.holder is not None:
            seat.holder.let_go()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await seat.lock.acquire()
        except TimeoutError:
            raise Locked from None
        mine = seat.holder = Claim(waited=waited, firm=firm)
        mine.wanted = seat.people > 1
        try:
            yield mine
        finally:
            seat.holder = None
            seat.lock.release()
    finally:
        seat.people -= 1
        if not seat.people:
            del _seats[file_id]


async def _opened(mine: Claim, file_id: UUID) -> Content:
    try:
        return await in_pool(Content.open, file_id)
    except Busy:
        mine.waited = True
    if await in_pool(storage.mark(file_id, "form").exists):  # its holder is firm
        raise Locked
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    with contents.Waiting(file_id):
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            try:
                return await in_pool(Content.open, file_id)
            except Busy:
                continue
    raise Locked
