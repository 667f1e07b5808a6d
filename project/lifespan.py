"""The only module that starts and stops what lives as long as the server does.

Services start on the server's lifespan event, or with the first connection where the server sends
none (daphne). Those that break while the server lives are left and entered anew: a server that
takes files and tells nobody helps nobody.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import structlog

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0  # before services that broke are started again

Service = Callable[[], AbstractAsyncContextManager[Any]]


class Lifespan:
    """An ASGI application around another; enters `services` in order, leaves them in reverse."""

    def __init__(self, app: Any, services: Sequence[Service]) -> None:
        self.app = app
        self.services = services
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        await self.start()
        await self.app(scope, receive, send)

    async def start(self) -> None:
        """Return when all services run; the first caller starts them."""
        if self._started is None:
            loop = asyncio.get_running_loop()
            started = self._started = loop.create_future()
            # a task of its own, since task groups must be left by the task that entered them
            self._running = loop.create_task(self._serve(started), name="services")
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """Leave all services; returns when the last one has ended."""
        self._stop.set()
        if self._running is not None:
            await self._running

    async def _serve(self, started: "asyncio.Future[None]") -> None:
        while not self._stop.is_set():
            try:
                await self._live(started)
            except Exception as error:
                if not started.done():
                    started.set_exception(error)
                    return
                if self._stop.is_set():
                    raise
                log.exception("services broke; they are started again")
                await asyncio.sleep(AGAIN_SECONDS)
            except BaseException:
                started.cancel()
                raise

    async def _live(self, started: "asyncio.Future[None]") -> None:
        async with AsyncExitStack() as stack:
            for service in self.services:
                await stack.enter_async_context(service())
            if not started.done():
                started.set_result(None)
            await self._stop.wait()

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            log.exception("start failed")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})
