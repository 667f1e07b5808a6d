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
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from project import answering
from project.bodies import Body, Dawdled, Disconnected

Respond = Callable[["LeanRequest"], Awaitable[HttpResponseBase]]

PAGE_THREADS = 8


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
            await answering.answer(HttpResponse("Bad Request", status=400), receive, send)
            return
        request.stream = Body(receive, request.META)
        with suppress(Disconnected):
            response = await self.chain(request)
            await answering.answer(response, receive, send, request.stream)

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
            await answering.answer(slow, receive, send)
            return
        if whole is None:
            await answering.answer(HttpResponse("Content Too Large", status=413), receive, send)
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
