"""The event-stream door (WHATWG HTML, section 9.2): the same frames from the same hub, as raw ASGI.

Neither a thread nor a database connection is held while a stream is open, which a Django view could
not promise. `Last-Event-ID`, which a browser sends when it comes back by itself, wins over
`?after=`, which it then sends again.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError

from consumers import hub
from consumers.doors import headers_of
from consumers.frames import Audience
from consumers.joining import join
from consumers.outbox import Closed, Outbox, Send
from uploads import metrics
from uploads.access import identity, rights, sites
from uploads.access.rights import Access
from uploads.errors import (
    ApiError,
    BadOrigin,
    BadRequest,
    MethodNotAllowed,
    NotSignedIn,
    TooManyRequests,
    Unavailable,
)

RETRY_MS = 2_000  # a browser's pause before it comes back
BATCH_CHARACTERS = 100
LAST = {"type": "http.response.body", "body": b"", "more_body": False}
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class _Wish:
    """What a client asks for."""

    space: str | None
    audience: Audience
    after: str | None


class _Answer:
    """The one answer to a request; `shared` are the headers that let another site's page read
    it.
    """

    def __init__(self, send: Send, shared: Headers) -> None:
        self.send = send
        self.shared = shared

    async def whole(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """All of it."""
        length = [(b"content-length", str(len(body)).encode())] if body else []
        await self.send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, *length, *self.shared],
            }
        )
        await self.send({"type": "http.response.body", "body": body})

    async def refuse(self, error: ApiError) -> None:
        """An error, in the shape of all errors."""
        headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
        if isinstance(error, NotSignedIn):
            headers.append((b"www-authenticate", b"Bearer"))
        headers.append((b"content-type", b"application/json"))
        await self.whole(error.status, headers, orjson.dumps(error.as_json()))

    async def begin(self) -> None:
        """The head of a stream, and a first line that makes proxies let it through."""
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store, no-transform"),
            (b"x-accel-buffering", b"no"),  # nginx
            (b"x-content-type-options", b"nosniff"),
        ]
        await self.send(
            {"type": "http.response.start", "status": 200, "headers": [*headers, *self.shared]}
        )
        first = f": millrace\nretry: {RETRY_MS}\n\n".encode()
        await self.send({"type": "http.response.body", "body": first, "more_body": True})


async def stream(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer `GET /events/`."""
    headers = headers_of(scope)
    answer = _Answer(send, _shared(headers.get("origin")))
    if scope["method"] == "OPTIONS":
        await answer.whole(204, [(b"allow", b"GET, OPTIONS")])
        return
    try:
        if scope["method"] != "GET":
            raise MethodNotAllowed(headers={"Allow": "GET, OPTIONS"})
        wish = _read(scope, headers)
        here = rights.enter(await _identify(headers), wish.space)
        await _follow(wish, here, answer, receive)
    except ApiError as error:
        await answer.refuse(error)
    except (TimeoutError, OperationalError, InterfaceError):
        await answer.refuse(Unavailable(headers={"Retry-After": "2"}))


def _read(scope: dict[str, Any], headers: dict[str, str]) -> _Wish:
    query = {
        name: values[0]
        for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()
    }
    batch, file = query.get("batch"), query.get("file")
    if batch is not None and (len(batch) > BATCH_CHARACTERS or "\0" in batch):
        raise BadRequest("That is not the id of a batch.")
    try:
        file = None if file is None else str(UUID(file))
    except ValueError:
        raise BadRequest("That is not the id of a file.") from None
    after = headers.get("last-event-id") or query.get("after") or None
    return _Wish(query.get("space"), Audience(batch, file), after)


async def _identify(headers: dict[str, str]) -> identity.Who:
    who = await identity.identify(headers)
    if who is None:
        raise NotSignedIn
    origin = headers.get("origin")
    if who.via == "cookie" and origin is not None and not sites.origin_good(origin):
        raise BadOrigin
    return who


async def _follow(wish: _Wish, here: Access, answer: _Answer, receive: Any) -> None:
    mine = hub.current()
    box = Outbox("sse", answer.send, mine.spawn)
    try:
        mine.admit(box, here)
        live = await mine.open(here.space_id)
        try:
            metrics.SOCKETS.labels("sse").inc()
            await answer.begin()
            await _until_left(join(live, box, wish.audience, wish.after), box, answer, receive)
        finally:
            metrics.SOCKETS.labels("sse").dec()
            live.detach(box, wish.audience)
            mine.leave(live)
    except hub.Full:
        raise TooManyRequests(
            "You have too many live connections.", headers={"Retry-After": "10"}
        ) from None
    except asyncio.CancelledError:
        if not box.closed:  # else the outbox has given the client up
            raise
    finally:
        box.closed = True
        mine.dismiss(box, here)


async def _until_left(joining: Any, box: Outbox, answer: _Answer, receive: Any) -> None:
    try:
        await joining
    except Closed:
        if box.closed:  # perhaps before there was a stream to end
            with suppress(OSError, RuntimeError):
                await answer.send(LAST)
    except (TimeoutError, OperationalError, InterfaceError):  # too late to say so
        await answer.send(LAST)
    while (await receive())["type"] != "http.disconnect":
        pass


def _shared(origin: str | None) -> Headers:
    """What lets the page of another site read the answer, with a token."""
    if origin is None or origin not in settings.CORS_ORIGINS:
        return []
    return [
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-allow-headers", b"authorization, last-event-id, cache-control"),
        (b"access-control-allow-methods", b"GET, OPTIONS"),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"origin"),
    ]
