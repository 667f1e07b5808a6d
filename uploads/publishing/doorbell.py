"""The only module on the channel layer: tells every process, at once and at most once, that
something has changed.

The layer is a doorbell, not the truth: whatever it loses is found again in the stream. Each process
has one channel in one group. What is rung in a short while goes out as one message. Callbacks run
on the loop, in the order of the ringing process's commits.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings

log = structlog.get_logger(__name__)

Kind = Literal["event", "progress", "stop", "wake", "revoke"]
Callback = Callable[[dict[str, Any]], None]

GROUP = "millrace"
GATHER_SECONDS = 0.002  # rung within this time goes out together
SILENT_SECONDS = 10  # a round trip through the layer that takes longer counts as degraded
PULSE_SECONDS = 3

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


def revoke(
    *, user: int | None = None, token: int | None = None, session: str | None = None
) -> None:
    """What a user, token or session may do has changed; its live connections are closed."""
    _put("revoke", {"user": user, "token": token, "session": session})


def healthy() -> bool:
    """Whether this process hears its own pulse through the layer."""
    return _line is not None and _line.healthy()


class _Line:
    """This process's end of the layer."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.layer: Any = get_channel_layer()
        self.channel = ""
        self.heard_at = time.monotonic()
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
        return time.monotonic() - self.heard_at < SILENT_SECONDS

    async def send(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            with self._lock:
                rings, self._waiting = self._waiting, []
            if not rings:
                continue
            try:
                await self.layer.group_send(
                    GROUP, {"type": "rings", "rings": rings, "from": self.channel}
                )
            except Exception as error:  # noqa: BLE001 - whatever the layer raises, it is away
                log.warning("layer unreachable", error=str(error))
                _dispatch(
                    rings
                )  # this process at least hears itself; the others find it in the stream
            await asyncio.sleep(GATHER_SECONDS)

    async def listen(self) -> None:
        while True:
            try:
                if not self.channel:
                    self.channel = await self.layer.new_channel()
                    await self.layer.group_add(GROUP, self.channel)
                message = await self.layer.receive(self.channel)
            except Exception as error:  # noqa: BLE001 - whatever the layer raises, it is away
                log.warning("layer lost", error=str(error))
                self.channel = ""
                await asyncio.sleep(1)
                continue
            self.heard_at = time.monotonic()
            _dispatch(message["rings"])

    async def pulse(self) -> None:
        while True:
            self.put("pulse", {})
            await asyncio.sleep(PULSE_SECONDS)


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
    message = {"type": "rings", "rings": [(kind, body)], "from": ""}
    try:
        async_to_sync(layer.group_send)(GROUP, message)
    except Exception as error:  # noqa: BLE001 - whatever the layer raises, it is away
        log.warning("layer unreachable", error=str(error))


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Hold this process's line for as long as the server lives."""
    global _line
    line = _line = _Line()
    tasks = [
        line.loop.create_task(work(), name=f"doorbell {work.__name__}")
        for work in (line.listen, line.send, line.pulse)
    ]
    try:
        yield
    finally:
        _line = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
