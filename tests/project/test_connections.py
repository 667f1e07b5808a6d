"""What comes before a request is one: bounded in time and size, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from project import bodies, connections, http
from project.connections import HEAD_BYTES, Connections

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * connections.HEAD_SECONDS)
    while (await receive()).get("more_body"):
        pass
    heard = b",".join(name for name, _ in scope["headers"])
    headers = [(b"content-length", b"0"), (b"x-heard", heard)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(app, http=Connections, ws="none", lifespan="off", log_config=None)
    config.load()
    serving = await asyncio.get_running_loop().create_server(
        lambda: Connections(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*serving.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        serving.close()


@pytest.mark.parametrize("begun", [b"", b"GET /", ASKED, ASKED + b"X-Half: "])
def test_a_head_that_does_not_come_is_waited_for_no_longer_than_is_said(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)

    async def wait() -> bytes:
        async with connected() as (reader, writer):
            writer.write(begun)
            return await reader.read()

    assert asyncio.run(asyncio.wait_for(wait(), 30)) == b""


def test_nor_is_the_second_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)

    async def wait() -> bytes:
        async with connected() as (reader, writer):
            writer.write(ASKED + b"\r\n")
            first = await reader.readuntil(b"\r\n\r\n")
            writer.write(ASKED)
            return first + await reader.read()

    answered = asyncio.run(asyncio.wait_for(wait(), 30))
    assert answered.count(b"HTTP/1.1") == 1


def test_an_answer_under_way_is_not_cut_by_the_half_request_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)

    async def wait() -> bytes:
        async with connected() as (reader, writer):
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + ASKED)
            return await reader.read()

    assert asyncio.run(asyncio.wait_for(wait(), 30)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("line", [b"X-One: " + b"a" * HEAD_BYTES, b"X-Many: a\r\n" * HEAD_BYTES])
def test_a_head_without_end_is_refused_before_it_is_all_there(line: bytes) -> None:
    async def send() -> bytes:
        async with connected() as (reader, writer):
            writer.write((ASKED + line)[: HEAD_BYTES + 1])
            return await reader.readuntil(b"\r\n\r\n")

    assert asyncio.run(asyncio.wait_for(send(), 30)).startswith(b"HTTP/1.1 431 ")


def test_a_body_does_not_count_as_head_and_the_thousand_addresses_of_parts_fit() -> None:
    parts = b"Upload-Concat: final;" + b" ".join(
        [b"https://files.example.org/" + b"u" * 100] * 1000
    )
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % (4 * HEAD_BYTES)

    async def send() -> list[bytes]:
        answers = []
        async with connected() as (reader, writer):
            for request in (post + b"\r\n" + b"b" * 4 * HEAD_BYTES, ASKED + parts + b"\r\n\r\n"):
                writer.write(request)
                answers.append(await reader.readuntil(b"\r\n\r\n"))
        return answers

    answers = asyncio.run(asyncio.wait_for(send(), 30))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 2


def test_a_body_that_is_read_whole_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "WHOLE_SECONDS", 0.05)

    async def never() -> Any:
        await asyncio.Event().wait()

    async def page() -> list[Any]:
        sent = []

        async def send(message: Any) -> None:
            sent.append(message)

        await http.PageHandler()({"type": "http", "path": "/sign-in/"}, never, send)
        return sent

    with pytest.raises(bodies.Dawdled):
        asyncio.run(asyncio.wait_for(bodies.Body(never).whole(1000), 30))
    begin, _ = asyncio.run(asyncio.wait_for(page(), 30))
    assert begin["status"] == 408
    assert (b"Connection", b"close") in begin["headers"]


async def trailed(*sent: bytes) -> bytes:
    async with connected() as (reader, writer):
        for data in sent:
            writer.write(data)
            await writer.drain()
        return await reader.read()


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("behind", [b"0\r\nX: ", b"0\r\n" + b"X: y\r\n" * 9, b"1;"])
def test_what_comes_behind_a_body_is_bounded_as_a_head_is(behind: bytes) -> None:
    async def flood() -> bytes:
        with suppress(ConnectionError):
            return await trailed(CHUNKED + b"1\r\nx\r\n" + behind, *[b"y" * 65_536] * 100)
        return b""

    assert asyncio.run(asyncio.wait_for(flood(), 30)) == b""


def test_a_trailer_is_no_header() -> None:
    sent = CHUNKED + b"1\r\nx\r\n0\r\nUpload-Offset: 7\r\n\r\n"
    answer = asyncio.run(asyncio.wait_for(trailed(sent), 30))
    assert b"x-heard: host,connection,transfer-encoding\r\n" in answer
