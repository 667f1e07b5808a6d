"""The only module on the channel layer: tells every process, at once and at most once, that
something has changed.

The layer is a doorbell, not the truth: whatever it loses is found again in the stream. Each process
has one channel in one group. What is rung in a short while goes out as one message. Callbacks run
on the loop, in the order of the ringing process's commits. While the layer is away a process hears
itself at least; when it is silent for too long, it is left and joined anew.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import orjson
import structlog
from asgiref.sync import async_to_sync
from channels.layers import channel_layers, get_channel_layer
from django.conf import settings

from project import health

log = structlog.get_logger(__name__)
# it logs a traceback in every second of an outage, which is told here once
logging.getLogger("channels_redis").setLevel(logging.CRITICAL)

Kind = Literal["event", "progress", "stop", "wake", "revoke", "queue"]
Callback = Callable[[dict[str, Any]], None]

ANY_SESSION = "*"
GROUP = "millrace"
GATHER_SECONDS = 0.002  # rung within this time goes out together
CROWD = 3  # rings in one message from which on a message costs more than waiting for others
GATHER_CROWD_SECONDS = 0.01
PULSE_SECONDS = 3
SILENT_SECONDS = 10  # without its own pulse a process leaves the layer and joins anew
SETTLE_SECONDS = 6  # after a loss, so that whoever looks at the stream meanwhile looks once more
SEND_SECONDS = 2  # a layer that takes longer to take a message is away
REJOIN_SECONDS = 0.5  # between two attempts

_subscribers: dict[str, list[Callback]] = defaultdict(list)


def subscribe(kind: Kind, callback: Callback) -> Callable[[], None]:
    """Call `callback` with each ring of this kind, on the loop; returns what takes it back."""
    _subscribers[kind].append(callback)
    return lambda: _subscribers[kind].remove(callback)


def ring(change: dict[str, Any]) -> None:
    """An event was committed: `space`, `epoch`, `seq`, `event` (its JSON), `file`, `batch`,
    `counts`.
    """
    _put("event", change)


def progress(space_id: int, batch: str | None, measure: dict[str, Any]) -> None:
    """A fleeting measure (`events.FileProgress`) of one file of a space."""
    _put("progress", {"space": space_id, "batch": batch, "measure": measure})


def stop(file_id: str) -> None:
    """Whoever runs a job of this file ends it now."""
    _put("stop", {"file": file_id})


def wake() -> None:
    """There is a job to claim."""
    _put("wake", {})


def queue() -> None:
    """Somebody has paused or resumed a queue."""
    _put("queue", {})


def revoke(
    *, user: int | None = None, token: int | None = None, session: str | None = None
) -> None:
    """What a user, token or session may do has changed; its live connections are closed. With
    `ANY_SESSION`, those of the user's browsers, and not of programs.
    """
    _put("revoke", {"user": user, "token": token, "session": session})


def healthy() -> bool:
    """Whether this process hears its own pulse through the layer, and has lost nothing lately."""
    return _line is not None and _line.healthy()


class _Line:
    """This process's end of the layer."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.layer: Any = get_channel_layer()
        self.heard_at = time.monotonic()
        self.lost_at = float("-inf")
        self._missing = False
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._due = asyncio.Event()

    def put(self, kind: str, body: dict[str, Any]) -> None:
        with self._lock:
            self._waiting.append((kind, body))
            first = len(self._waiting) == 1
        if first:
            self.loop.call_soon_threadsafe(self._due.set)

    def healthy(self) -> bool:
        return not self._silent() and time.monotonic() - self.lost_at > SETTLE_SECONDS

    def _silent(self) -> bool:
        return time.monotonic() - self.heard_at > SILENT_SECONDS

    def _lose(self, what: str, error: Exception | None = None) -> None:
        if time.monotonic() - self.lost_at > SETTLE_SECONDS:
            log.warning("layer away", what=what, error=repr(error) if error else "silence")
        self.lost_at = time.monotonic()
        self._missing = True

    def _find(self) -> None:
        """Something was heard: the layer is there."""
        self.heard_at = time.monotonic()
        if self._missing:
            self._missing = False
            log.info("layer back")
            _dispatch([("wake", {})])  # jobs that came meanwhile

    async def send(self) -> None:
        away = False
        while True:
            await self._due.wait()
            self._due.clear()
            with self._lock:
                rings, self._waiting = self._waiting, []
            if not rings:
                continue
            if away:  # do not let this process wait for what is likely to fail again
                _dispatch(rings)
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self.layer.group_send(GROUP, _message(rings))
            except Exception as error:  # noqa: BLE001 - whatever the layer raises, it is away
                self._lose("send", error)
                if not away:
                    _dispatch(rings)  # the others find it in the stream
                away = True
            else:
                away = False
            crowd = len(rings) >= CROWD
            await asyncio.sleep(GATHER_CROWD_SECONDS if crowd else GATHER_SECONDS)

    async def listen(self) -> None:
        while True:
            hearing = self.loop.create_task(self._hear(), name="doorbell hear")
            try:
                await self._until_silent(hearing)
            finally:
                hearing.cancel()
                await asyncio.wait([hearing])
            if not hearing.cancelled() and (error := hearing.exception()):
                self._lose("listen", error if isinstance(error, Exception) else None)
            else:
                self._lose("listen")
            await self._leave()
            await asyncio.sleep(REJOIN_SECONDS)

    async def _until_silent(self, hearing: "asyncio.Task[None]") -> None:
        """Return when hearing has ended or brings nothing, though this process was not asleep."""
        self.heard_at = time.monotonic()
        while not hearing.done():
            await asyncio.wait([hearing], timeout=PULSE_SECONDS)
            if self._silent():
                heard = self.heard_at
                await asyncio.wait([hearing], timeout=1)
                if heard == self.heard_at:
                    return

    async def _hear(self) -> None:
        channel = await self.layer.new_channel()
        await self.layer.group_add(GROUP, channel)
        while True:
            message = await self.layer.receive(channel)
            self._find()
            _dispatch(orjson.loads(message["rings"]))

    async def _leave(self) -> None:
        """Give up the layer's connections, in whatever state they are, and take new ones."""
        left, self.layer = self.layer, channel_layers.make_backend("default")
        channel_layers.set("default", self.layer)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await left.flush()
        except Exception as error:  # noqa: BLE001 - it was broken before
            log.debug("layer left in disorder", error=repr(error))

    async def pulse(self) -> None:
        while True:
            self.put("pulse", {})
            await asyncio.sleep(PULSE_SECONDS)


def _message(rings: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What goes over the layer: text, since the in-memory layer copies all else deeply."""
    return {"type": "rings", "rings": orjson.dumps(rings).decode()}


def _dispatch(rings: list[tuple[str, dict[str, Any]]]) -> None:
    for kind, body in rings:
        for callback in list(_subscribers[kind]):
            try:
                callback(body)
            except Exception:
                log.exception("doorbell callback failed", kind=kind)


_line: _Line | None = None


def _put(kind: Kind, body: dict[str, Any]) -> None:
    if _line is not None:
        _line.put(kind, body)
    elif settings.REDIS_URL:  # a command beside the servers
        _ring_once(kind, body)


def _ring_once(kind: Kind, body: dict[str, Any]) -> None:
    layer: Any = get_channel_layer()

    async def send() -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await layer.group_send(GROUP, _message([(kind, body)]))

    try:
        async_to_sync(send)()
    except Exception as error:  # noqa: BLE001 - whatever the layer raises, it is away
        log.warning("layer away", what="send", error=repr(error))


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Hold this process's line for as long as the server lives."""
    global _line
    line = _line = _Line()
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(work(), name=f"doorbell {work.__name__}")
            for work in (line.listen, line.send, line.pulse)
        ]
        unwatch = health.watch("layer", _ailing)
        try:
            yield
        finally:
            unwatch()
            _line = None
            for task in running:
                task.cancel()
    with suppress(Exception):
        async with asyncio.timeout(SEND_SECONDS):
            await line.layer.flush()


def _ailing() -> str:
    return "" if _line is not None and not _line._silent() else "This process hears nobody."
