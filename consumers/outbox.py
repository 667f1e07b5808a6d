"""The only module that sends to a subscriber: at once while its socket takes it, else from a
bounded outbox.

Where the server offers to, a made frame is written straight to the socket. Any other send that does
not have to wait costs no task and no turn of the loop: its coroutine is driven by hand to where it
would wait. Only from there on a task takes over, and what follows queues up:
events whole and in order, progress as the names of the files whose newest measure is owed. Who
falls behind by more than `OUTBOX_BYTES` is closed with 4008, to resume from its cursor.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from functools import partial
from typing import Any

from django.conf import settings

from consumers.frames import MOST_ITEMS, Frame, progress
from uploads import metrics
from uploads.publishing.closing import Close
from uploads.publishing.measures import Measures

Send = Callable[[dict[str, Any]], Awaitable[None]]
Write = Callable[[bytes], bool]
Spawn = Callable[[Coroutine[Any, Any, None]], object]

PROGRESS_SECONDS = 0.1  # between two progress frames of one subscriber
STALL_SECONDS = 60  # longest that one frame may take to leave
CLOSE_SECONDS = 30  # for a slow reader to come as far as the closing frame


class Closed(Exception):
    """The subscriber is gone or is being closed; nothing more can be sent."""


class Outbox:
    """One subscriber's way out, through the door that `kind` names ("websocket" or "sse"). Made in
    the subscriber's own task, which is ended when even the closing frame finds no taker.

    `spawn` runs what has to wait; `write` takes a made frame at once, or says that it doesn't.
    """

    __slots__ = (
        "_closing",
        "_deadline",
        "_owed",
        "_paid_at",
        "_send",
        "_spawn",
        "_task",
        "_waiting",
        "_write",
        "bytes",
        "closed",
        "kind",
        "measures",
        "space",
    )

    def __init__(self, kind: str, send: Send, spawn: Spawn, write: Write | None = None) -> None:
        self.kind = kind
        self.measures: Measures | None = None  # where what is owed is looked up
        self.space = 0
        self.bytes = 0  # of the frames that wait
        self.closed = False
        self._send = send
        self._task = asyncio.current_task()
        self._spawn = spawn
        self._write = write
        self._waiting: deque[Frame] | None = None  # None while the socket takes what comes
        self._owed: dict[str, None] = _NOTHING
        self._paid_at = 0.0
        self._closing: Close | None = None
        self._deadline: asyncio.Timeout | None = None

    @property
    def ending(self) -> bool:
        """Whether nothing more can be sent."""
        return self.closed or self._closing is not None

    # -- from the stream: never waits --------------------------------------------------------------

    def offer(self, frame: Frame) -> None:
        """Send a frame now or, where something waits already, after that."""
        if self.closed or self._closing is not None:
            return
        if self._waiting is None:
            if self._write is None or not self._write(frame.framed):
                self._start(getattr(frame, self.kind))
            return
        self._waiting.append(frame)
        self.bytes += frame.size
        if self.bytes > settings.OUTBOX_BYTES:
            self.close(Close.TOO_SLOW)

    def offer_progress(self, frame: Frame, files: Iterable[str]) -> None:
        """Send a progress frame now or, where something waits or one has just gone out, the newest
        measures later.
        """
        if self.ending:
            return
        if (
            self._waiting is None
            and not self._owed
            and time.monotonic() - self._paid_at > 0.9 * PROGRESS_SECONDS
        ):
            self._paid_at = time.monotonic()
            self._start(getattr(frame, self.kind))
            return
        owed_before = bool(self._owed)
        if not owed_before:
            self._owed = {}
        self._owed.update(dict.fromkeys(files))
        if self._waiting is None and not owed_before:
            self._pay_later()

    def close(self, code: Close) -> None:
        """Drop what waits and say goodbye, as soon as the socket takes it."""
        if self.ending:
            return
        if code == Close.TOO_SLOW:
            metrics.SLOW.inc()
        self._closing = code
        self._owed = _NOTHING
        self.bytes = 0
        if self._waiting is None:
            self.closed = True
            self._start(self._goodbye(code))
            return
        self._waiting.clear()
        if self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + CLOSE_SECONDS)

    # -- from the subscriber's own task, before the stream may offer -------------------------------

    async def put(self, frame: Frame) -> None:
        """Send a frame and wait until it has left. Raises Closed."""
        if self.ending:
            raise Closed
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._send(getattr(frame, self.kind))
            metrics.FRAMES.labels(frame.kind).inc()
        except TimeoutError:
            self.close(Close.TOO_SLOW)
            raise Closed from None
        except (OSError, RuntimeError):  # the client has left, or was just closed
            self.closed = True
            raise Closed from None

    # -- sending -----------------------------------------------------------------------------------

    def _start(self, message: dict[str, Any]) -> None:
        sending = self._send(message)
        if not isinstance(sending, Coroutine):  # a server whose send() is no coroutine
            self._waiting = deque()
            self._spawn(self._drain(sending))
            return
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except (OSError, RuntimeError):  # the client has left
            self.closed = True
        else:
            self._waiting = deque()
            self._spawn(self._drain(_Rest(sending, waits_for)))

    async def _drain(self, first: Awaitable[None]) -> None:
        sending = first
        try:
            while True:
                async with asyncio.timeout(
                    STALL_SECONDS if self._closing is None else CLOSE_SECONDS
                ) as self._deadline:
                    await sending
                message = self._next()
                if message is None:
                    break
                sending = self._send(message)
        except TimeoutError:
            self.closed = True
            if self._task is not None:
                self._task.cancel()
        except (OSError, RuntimeError):
            self.closed = True
        finally:
            self._deadline = None
            self._waiting = None

    def _next(self) -> dict[str, Any] | None:
        """The next message to send; None when nothing waits."""
        if self.closed:
            return None
        if self._closing is not None:
            self.closed = True
            return self._goodbye(self._closing)
        if self._waiting:
            frame = self._waiting.popleft()
            self.bytes -= frame.size
            message: dict[str, Any] = getattr(frame, self.kind)
            return message
        if self._owed:
            self._pay_later()
        return None

    def _pay_later(self) -> None:
        due = max(0.0, self._paid_at + PROGRESS_SECONDS - time.monotonic())
        asyncio.get_running_loop().call_later(due, self._pay)

    def _pay(self) -> None:
        """Send the newest measures of the files that are owed."""
        if self.ending or self._waiting is not None or not self._owed or self.measures is None:
            return
        files = list(self._owed)[:MOST_ITEMS]
        for file in files:
            del self._owed[file]
        if texts := self.measures.texts(self.space, files):
            self._paid_at = time.monotonic()
            self._start(getattr(progress(texts), self.kind))
        if self._owed and self._waiting is None:
            self._pay_later()

    def _goodbye(self, code: Close) -> dict[str, Any]:
        if self.kind == "websocket":
            return {"type": "websocket.close", "code": int(code), "reason": code.reason}
        return {"type": "http.response.body", "body": b"", "more_body": False}


_NOTHING: dict[str, None] = {}


class _Rest:
    """What is left of a coroutine that was driven by hand and had to wait."""

    def __init__(self, sending: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._sending = sending
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - it belongs to the coroutine
                resume = partial(self._sending.throw, error)
            else:
                resume = partial(self._sending.send, sent)
            try:
                waits_for = resume()
            except StopIteration:
                return
