"""A response on its way: sent whole or as a stream, and what becomes of a body nobody has read."""

import asyncio
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from project import stopping
from project.bodies import Body, Disconnected

DISCARD_BYTES = 256 * 1024  # of an unread body, to keep its connection
LINGER_BYTES = 64 * 1024 * 1024  # read and thrown away before a connection is closed
LINGER_SECONDS = 5
LINGER_SECONDS_STOPPING = 1


async def answer(
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
