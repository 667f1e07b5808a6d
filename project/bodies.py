"""A request's body on its way: read once, as it comes, by whoever asked for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

WHOLE_SECONDS = 60  # for a body that is not streamed: those are small


class Disconnected(Exception):
    """The client left before its body was complete."""


class Dawdled(Exception):
    """A body that is not streamed took longer than WHOLE_SECONDS."""


class Body:
    """A request's body as an async iterator over chunks of bytes, to be read once.

    Raises `Disconnected` when the client leaves early; `tail` is what came just before. `ended`
    says that the last byte was handed out. `meta` is the request's META.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[dict[str, Any]]],
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        meta = meta or {}
        self._receive = receive
        self.length = _length(meta.get("CONTENT_LENGTH", ""))  # None where none was announced
        self.announced = bool(self.length) or "HTTP_TRANSFER_ENCODING" in meta
        self.waits_for_100 = meta.get("HTTP_EXPECT", "").lower() == "100-continue"
        self.read = 0
        self.started = False
        self.ended = False
        self.left = False
        self.tail = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while not self.ended:
            chunk = await self.next_chunk()
            if chunk:
                yield chunk

    async def next_chunk(self) -> bytes:
        """The next chunk, b"" at the end (and, from some servers, in between; `ended` tells)."""
        if self.ended:
            return b""
        self.started = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.ended = self.left = True
            self.tail = _left_behind(self._receive)
            raise Disconnected
        if not message.get("more_body", False):
            self.ended = True
        chunk: bytes = message.get("body", b"")
        self.read += len(chunk)
        return chunk

    async def whole(self, limit: int) -> bytes | None:
        """All of it, or None when it is longer than `limit` bytes. Raises Dawdled."""
        parts = bytearray()
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                async for chunk in self:
                    parts += chunk
                    if len(parts) > limit:
                        return None
        except TimeoutError:
            raise Dawdled from None
        return bytes(parts)


def _length(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _left_behind(receive: Any) -> bytes:
    """What came just before the end of a connection.

    uvicorn tells of the end first, and then keeps what it had read; its request holds it still.
    """
    rest = getattr(getattr(receive, "__self__", None), "body", b"")
    return bytes(rest) if isinstance(rest, bytes | bytearray) else b""
