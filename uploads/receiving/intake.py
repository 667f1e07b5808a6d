"""The only module that carries bytes from a request to a content, within one memory for all.

While one block is written and hashed in the pool the next is gathered, so a fast sender gets large
writes and a slow one small ones. When the memory for all (`UPLOAD_BUFFER_BYTES`) is used up, nobody
reads on until something is written; the kernel then slows the senders down. Several times a second
every flow is looked at: is it silent, wanted elsewhere, deleted, is the disk full, does the server
stop? And when rights change: may its sender still do that? Whatever ends a flow, all that arrived
is stored first.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import structlog
from django.conf import settings

from project import database, stopping
from uploads import metrics, storage
from uploads.access.rights import Permit
from uploads.errors import ApiError, BodyTimeout, DiskFull, Gone, Interrupted, ShuttingDown
from uploads.publishing import doorbell
from uploads.receiving.locks import Claim

log = structlog.get_logger(__name__)

BLOCK_BYTES = 1024 * 1024  # gathered for one write at the most
TICK_SECONDS = 0.15
SMOOTHING = 0.2  # weight of the newest tick in the speed


class Source(Protocol):
    """What bytes come from: a request's body, or a part of a form."""

    ended: bool
    tail: bytes

    async def next_chunk(self) -> bytes:
        """The next bytes; may be empty."""
        ...


class Budget:
    """Bytes in memory on their way to disk, all uploads together."""

    def __init__(self) -> None:
        self.used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def full(self) -> bool:
        """Whether no more should be read for now."""
        return self.used >= settings.UPLOAD_BUFFER_BYTES

    def take(self, size: int) -> None:
        """Count bytes that have been read."""
        self.used += size

    def give(self, size: int) -> None:
        """Bytes are written, or dropped."""
        self.used -= size
        while self._waiting and not self.full:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def room(self) -> None:
        """Return when there is room again; first come, first served."""
        while self.full:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter


budget = Budget()


class Flow:
    """One body's way into one content, through a door.

    `room`: bytes that may still come; what is beyond is cut and sets `overrun`. `report` is called
    now and then with the number of bytes stored and the speed in bytes per second. `permit` is
    asked again when somebody's rights change.
    """

    def __init__(
        self,
        claim: Claim,
        room: int,
        report: Callable[[int, float], None],
        door: str,
        permit: Permit | None = None,
    ) -> None:
        self.claim = claim
        self.door = door
        self.permit = permit
        self.content = claim.content
        self.room = room
        self.overrun = False
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._writing: asyncio.Future[None] | None = None
        self._failure: OSError | None = None
        self._reason: ApiError | None = None
        self._deadline: asyncio.Timeout | None = None
        self._silent_since: float | None = None
        self._reported = self.content.offset
        self._looked_at = self._loop.time()
        self._speed = 0.0

    async def run(self, body: Source, before: Sequence[bytes] = ()) -> None:
        """Store the body to its end; `before` was read from it already.

        Raises `project.bodies.Disconnected` when it was cut, an ApiError when it was ended from
        here; in each case all that arrived is stored when this returns.
        """
        for chunk in before:
            self._gather(chunk)
        try:
            async with asyncio.timeout(None) as self._deadline:
                watch.add(self)
                await self._read(body)
        except TimeoutError:
            if self._reason is None:
                raise
            raise self._reason from None
        finally:
            self._deadline = None  # reading is over; whoever wants the upload waits for the flush
            watch.remove(self)
            if body.tail:
                self._gather(body.tail)
            await self._flush()

    async def _read(self, body: Source) -> None:
        while not body.ended and not self.overrun:
            self._silent_since = self._loop.time()
            chunk = await body.next_chunk()
            self._silent_since = None
            if not chunk:
                continue
            self._gather(chunk)
            if self._held_bytes >= watch.block or budget.full:
                await self._write()
            if budget.full:
                await budget.room()

    def _gather(self, chunk: bytes) -> None:
        if len(chunk) > self.room:
            chunk = chunk[: self.room]
            self.overrun = True
        self.room -= len(chunk)
        if chunk:
            budget.take(len(chunk))
            self._held.append(chunk)
            self._held_bytes += len(chunk)

    async def _write(self) -> None:
        """Begin to write what is held, after the block before it."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
        if self._failure is not None:
            raise storage.as_answer(self._failure)
        self._begin()

    def _begin(self) -> None:
        if not self._held:
            return
        blocks, size = self._held, self._held_bytes
        self._held, self._held_bytes = [], 0
        self._writing = storage.submit(self.content.append, blocks)
        self._writing.add_done_callback(partial(self._written, size))

    def _written(self, size: int, writing: "asyncio.Future[None]") -> None:
        budget.give(size)
        self._writing = None
        error = writing.exception()
        if isinstance(error, OSError):
            self._failure = error
        elif error is not None:
            self._failure = OSError(str(error))
        else:
            metrics.RECEIVED_BYTES.labels(self.door).inc(size)

    async def _flush(self) -> None:
        """Store what is held, to the end even when this request is cancelled."""
        cancelled: asyncio.CancelledError | None = None
        while self._writing is not None or (self._held and self._failure is None):
            if self._writing is None:
                self._begin()
            else:
                try:
                    await asyncio.wait({self._writing})
                except asyncio.CancelledError as error:
                    cancelled = error
        if self._held:
            budget.give(self._held_bytes)
            self._held, self._held_bytes = [], 0
        if cancelled is not None:
            raise cancelled
        if self._failure is not None:
            raise storage.as_answer(self._failure)

    def look(self, *, disk_full: bool) -> None:
        """Write what has waited, tell how far it is, and end what must end; called by the watch."""
        if self._writing is None and self._failure is None:
            self._begin()
        self._tell()
        reason = self._why_end(disk_full=disk_full)
        if reason is not None:
            self.end(reason)

    def _tell(self) -> None:
        now, stored = self._loop.time(), self.content.offset
        came, took = stored - self._reported, now - self._looked_at
        if not came or not took:
            return
        weight = SMOOTHING if self._speed else 1.0
        self._speed += weight * (came / took - self._speed)
        self._reported, self._looked_at = stored, now
        self._report(stored, self._speed)

    def _why_end(self, *, disk_full: bool) -> ApiError | None:
        if stopping.stopping():
            return ShuttingDown(headers={"Retry-After": "2"})
        if self.claim.wanted or self.content.has_waiter():
            return Interrupted()
        if self.content.removed():
            return Gone()
        if disk_full:
            return DiskFull()
        since = self._silent_since
        if since is not None and self._loop.time() - since > settings.UPLOAD_IDLE_SECONDS:
            return BodyTimeout()
        return None

    def end(self, reason: ApiError) -> None:
        """Stop reading; `run` raises the reason."""
        if self._reason is None and self._deadline is not None:
            reason.headers["Connection"] = "close"
            self._reason = reason
            self._deadline.reschedule(self._loop.time())


class Watch:
    """Looks at every flow, several times a second while there are any."""

    def __init__(self) -> None:
        self._flows: dict[Flow, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self.block = BLOCK_BYTES

    def _share(self) -> None:
        """Two blocks for each flow, and half of the memory for what can't be foreseen."""
        each = settings.UPLOAD_BUFFER_BYTES // (4 * max(1, len(self._flows)))
        self.block = min(BLOCK_BYTES, each)

    def add(self, flow: Flow) -> None:
        """Look at it from now on."""
        self._flows[flow] = None
        self._share()
        flow.claim.on_wanted = partial(flow.end, Interrupted())
        if flow.claim.wanted:
            flow.claim.on_wanted()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def remove(self, flow: Flow) -> None:
        """It has ended."""
        self._flows.pop(flow, None)
        self._share()
        if not self._flows and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def revoked(self, _ring: dict[str, Any]) -> None:
        """Somebody's rights have changed: end the flows of those who may not upload any more."""
        if flows := [flow for flow in self._flows if flow.permit is not None]:
            task = asyncio.get_running_loop().create_task(_end_refused(flows), name="rights")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def stop(self) -> None:
        """The server stops: end them all."""
        for flow in tuple(self._flows):
            flow.look(disk_full=False)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        disk_full = storage.free_bytes() < settings.FREE_DISK_BYTES
        for flow in tuple(self._flows):
            flow.look(disk_full=disk_full)


async def _end_refused(flows: Sequence[Flow]) -> None:
    try:
        refused = await database.read(_refused, flows)
    except Exception:
        log.exception("rights could not be asked", flows=len(flows))
    else:
        for flow, reason in refused:
            flow.end(reason)


def _refused(flows: Sequence[Flow]) -> list[tuple[Flow, ApiError]]:
    found = []
    for flow in flows:
        try:
            if flow.permit is not None:
                flow.permit()
        except ApiError as reason:
            found.append((flow, reason))
    return found


watch = Watch()
stopping.subscribe(watch.stop)
doorbell.subscribe("revoke", watch.revoked)
