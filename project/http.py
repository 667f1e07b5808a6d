"""Django's ASGI handler, made lean, with streaming bodies: the only module between the server and
the views.

Two ways lead to the views. Pages and admin go through Django's own handler and middleware, on a
pool of warm threads, their bodies capped. Upload, API and stream doors (`LEAN_PREFIXES`) go through
`LEAN_MIDDLEWARE`, a few async callables, with no thread hop of ours; a view class that says
`streams_body = True` gets `request.stream`, an async iterator over the body, before a byte of it is
read. Doors answer with and without their last slash.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from project import stopping

Respond = Callable[["LeanRequest"], Awaitable[HttpResponseBase]]

PAGE_THREADS = 8
WHOLE_SECONDS = 60  # for a body that is not streamed: those are small
DISCARD_BYTES = 256 * 1024  # of an unread body, to keep its connection
LINGER_BYTES = 64 * 1024 * 1024  # read and thrown away before a connection is closed
LINGER_SECONDS = 5
LINGER_SECONDS_STOPPING = 1
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


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


class Headers(dict[str, str]):
    """A request's headers, whatever their case; names are kept in lower case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        return super().get(name.lower(), default)


class LeanRequest(ASGIRequest):
    """A request whose body is `stream`, and whose headers cost less to look up: a small upload asks
    for a dozen.
    """

    stream: Body

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        """What `META` has of them: several of one name are joined, ambiguous names are left out."""
        return Headers(
            (name.removeprefix("HTTP_").replace("_", "-").lower(), value)
            for name, value in self.META.items()
            if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
        )


class LeanHandler:
    """ASGI application for the doors that must be fast; see the module."""

    def __init__(self) -> None:
        chain: Respond = self.dispatch
        for name in reversed(settings.LEAN_MIDDLEWARE):
            chain = import_string(name)(chain)
        self.chain = chain
        _resolve("/")  # imports every view now, not while the first request waits

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            request = LeanRequest(scope, io.BytesIO())
        except UnicodeDecodeError:
            await send_response(HttpResponse("Bad Request", status=400), receive, send)
            return
        request.stream = Body(receive, request.META)
        with suppress(Disconnected):
            response = await self.chain(request)
            await send_response(response, receive, send, request.stream)

    async def dispatch(self, request: LeanRequest) -> HttpResponseBase:
        """Resolve the address and call its view; the body is read first for views that do not
        stream it.
        """
        match = _resolve(request.path_info)
        request.resolver_match = match
        streams = getattr(getattr(match.func, "view_class", None), "streams_body", False)
        if not streams and request.method not in {"GET", "HEAD", "OPTIONS"}:
            body = await request.stream.whole(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
            if body is None:
                raise RequestDataTooBig
            request._stream = io.BytesIO(body)
        response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
        return response


@lru_cache(maxsize=4096)
def _resolve(path: str) -> ResolverMatch:
    """The view of an address. Raises Resolver404, which is not remembered."""
    return get_resolver().resolve(path)


async def send_response(
    response: HttpResponseBase, receive: Any, send: Any, body: Body | None = None
) -> None:
    """Send a response; a stream is ended early when its client leaves.

    Where much of the request's `body` was not read, the connection ends with the answer.
    """
    hang_up = body is not None and _unread(body, response)
    _complete_headers(response, hang_up=hang_up)
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": list(_headers(response)),
        }
    )
    if isinstance(response, HttpResponse):
        await send({"type": "http.response.body", "body": response.content, "more_body": hang_up})
        if hang_up and body is not None:
            await _linger(body)
            await send({"type": "http.response.body", "body": b""})
        return
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_send_stream(response, send))
        watching = tasks.create_task(_end_when_left(receive, sending))
        await asyncio.wait({sending})
        watching.cancel()


def _complete_headers(response: HttpResponseBase, *, hang_up: bool) -> None:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if isinstance(response, HttpResponse) and response.status_code not in {204, 304}:
        response.headers.setdefault("Content-Length", str(len(response.content)))
    if hang_up:
        response.headers["Connection"] = "close"


def _unread(body: Body, response: HttpResponseBase) -> bool:
    """Whether more of a body may come than the server should throw away to keep the connection."""
    if body.ended or not body.announced:
        return False
    if response.get("Connection") == "close":
        return True
    if body.waits_for_100 and not body.started:
        return True  # nobody can tell whether it still comes
    return body.length is None or body.length - body.read > DISCARD_BYTES


async def _linger(body: Body) -> None:
    """Throw away for a while what a client still sends, so that it reads its answer.

    Closing at once would reset the connection under a client that has not looked yet.
    """
    if body.waits_for_100 and not body.started:
        return
    seconds = LINGER_SECONDS_STOPPING if stopping.stopping() else LINGER_SECONDS
    most = body.read + LINGER_BYTES
    try:
        async with asyncio.timeout(seconds):
            while not body.ended and body.read < most:
                await body.next_chunk()
    except (TimeoutError, Disconnected):
        pass


async def _send_stream(response: Any, send: Any) -> None:
    parts = aiter(response)
    try:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    finally:
        if hasattr(parts, "aclose"):
            await parts.aclose()
    await send({"type": "http.response.body", "body": b""})


async def _end_when_left(receive: Any, sending: asyncio.Task[None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    sending.cancel()


def _headers(response: HttpResponseBase) -> Iterable[tuple[bytes, bytes]]:
    for name, value in response.items():
        yield name.encode("ascii"), value.encode("latin-1")
    for cookie in response.cookies.values():
        yield b"Set-Cookie", cookie.OutputString().encode("ascii")


class PageHandler(ASGIHandler):
    """Django's handler with capped bodies; sync code borrows one of a few warm threads for the time
    of a request.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
        for number in range(PAGE_THREADS):
            self._threads.put_nowait(ThreadPoolExecutor(1, f"page-{number}"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = Body(receive)
        try:
            whole = await body.whole(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        except Disconnected:
            return
        except Dawdled:
            slow = HttpResponse("Request Timeout", status=408, headers={"Connection": "close"})
            await send_response(slow, receive, send)
            return
        if whole is None:
            await send_response(HttpResponse("Content Too Large", status=413), receive, send)
            return
        thread = await self._threads.get()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, _replay(whole, receive), send)
        finally:
            self._threads.put_nowait(thread)


def _replay(body: bytes, receive: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return messages.pop() if messages else await receive()

    return again


class Doors:
    """ASGI application: every HTTP door, by its prefix. The address is made to end with a slash
    first.
    """

    def __init__(self) -> None:
        self.lean = LeanHandler()
        self.pages = PageHandler()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path: str = scope["path"]
        if not path.endswith("/") and not path.startswith(settings.STATIC_URL):
            path += "/"
            scope = {**scope, "path": path}
        handler = self.lean if path.startswith(settings.LEAN_PREFIXES) else self.pages
        await handler(scope, receive, send)


class ContentSecurityPolicy:
    """Middleware: pages load nothing from elsewhere and run no inline script but those whose hash
    they name.

    A view adds hashes by `response.script_hashes = ["'sha256-…'"]`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        return self._mark(self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        return self._mark(await self.get_response(request))

    def _mark(self, response: HttpResponseBase) -> HttpResponseBase:
        hashes = " ".join(getattr(response, "script_hashes", ()))
        response.headers.setdefault(
            "Content-Security-Policy",
            f"script-src 'self' {hashes}".rstrip() + "; " + POLICY,
        )
        return response
