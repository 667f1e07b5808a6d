"""A wire to the server that can be cut, and that loses what is on it."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress


class Gate:
    """Passes connections to a port of ours on to the server's; `cut()` ends them all at once.

    `cut_after` ends the next connections once so many bytes have gone to the server; `shut` lets
    nobody in; between `freeze()` and `thaw()` nothing passes, though every connection stays.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.shut = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.cut_after: list[int] = []
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Gate:
        self._thread.start()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        starting = asyncio.start_server(self._serve, sock=listener, limit=2**20)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End every connection."""

        async def work() -> None:
            for writer in list(self._writers):
                writer.transport.abort()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def freeze(self) -> None:
        """The wire is dead, and neither side knows."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def thaw(self) -> None:
        """It passes again what comes."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.transport.abort()
            return
        self.connections += 1
        left = self.cut_after.pop(0) if self.cut_after else None
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        both = (writer, back)
        self._writers.update(both)
        with suppress(OSError):
            await asyncio.gather(self._pass(reader, back, left), self._pass(there, writer, None))
        for one in both:
            one.transport.abort()
            self._writers.discard(one)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
    ) -> None:
        while data := await reader.read(65_536):
            if left is not None:
                left -= len(data)
                if left < 0:
                    raise ConnectionError
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionError
