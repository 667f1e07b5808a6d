"""The only module that hears the signal to stop before the server acts on it.

uvicorn tells the application of its end only when every running request has ended by itself. A
request that can go on for hours must hear of it at once, so that it can put away what it has.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_listeners: list[Callable[[], None]] = []
_stopping = False


def stopping() -> bool:
    """Whether the signal has come."""
    return _stopping


def subscribe(callback: Callable[[], None]) -> Callable[[], None]:
    """Call `callback` on the loop when the signal comes; returns what takes it back."""
    _listeners.append(callback)
    return lambda: _listeners.remove(callback)


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """Listen in front of the handlers that the server has set."""
    global _stopping
    _stopping = False
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(_tell)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    served = {number for number in SIGNALS if callable(before[number])}
    with suppress(ValueError):  # not the main thread: no signals there, and none to be heard
        for number in served:
            signal.signal(number, heard)
    try:
        yield
    finally:
        for number in served:
            if signal.getsignal(number) is heard:
                signal.signal(number, before[number])


def _tell() -> None:
    global _stopping
    _stopping = True
    for callback in tuple(_listeners):
        callback()
