"""Real sockets to a real server: cut, slow, from elsewhere, revoked, many."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.consumers.peers import Held
from tests.receiving.client import Tus, answer_of
from tests.support.patience import within
from tests.support.server import Server
from tests.support.services import eventually
from tests.support.tus import create, upload

SECONDS = 100  # only against hanging


def someone(server: Server, name: str, space: str | None = None) -> str:
    return server.token(f"{name}-{uuid.uuid4().hex[:8]}", space)


@asynccontextmanager
async def socket_of(
    server: Server, headers: dict[str, str], query: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    address = f"{server.ws_url}/ws/events/{query}"
    async with connect(
        address, additional_headers=headers, max_size=2**20, open_timeout=60, **options
    ) as one:
        yield one


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def hello(one: ClientConnection, held: Held, **more: Any) -> None:
    await one.send(json.dumps({"type": "hello", "after": held.cursor} | more))


async def follow(one: ClientConnection, held: Held, until: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not until():
            held.take(json.loads(await one.recv()))


async def code_of(one: ClientConnection) -> int | None:
    """Why the server closed; read to the end."""
    async with asyncio.timeout(SECONDS):
        with suppress(ConnectionClosed):
            async for _ in one:
                pass
    return one.close_code


async def send(server: Server, token: str, *names: str, content: bytes = b"word\n") -> list[str]:
    def work() -> list[str]:
        with server.client(token) as client:
            return [upload(client, name, content) for name in names]

    return await asyncio.to_thread(work)


def listed(server: Server, token: str) -> dict[str, dict[str, Any]]:
    """What the database says, through the API."""
    with server.client(token) as client:
        items: list[dict[str, Any]] = []
        query: dict[str, str] = {"limit": "200"}
        while True:
            page = client.get("/api/files/", params=query).raise_for_status().json()
            items += page["items"]
            if not page["next"]:
                return {item["id"]: item for item in items}
            query["cursor"] = page["next"]


def ended(held: Held, number: int) -> bool:
    statuses = [file["status"] for file in held.files.values()]
    return len(statuses) == number and set(statuses) == {"processed"}


async def test_a_program_sees_its_file_come_and_be_processed(server: Server) -> None:
    token = someone(server, "watcher")
    held = Held()
    async with socket_of(server, bearer(token)) as one:
        await hello(one, held)
        await follow(one, held, lambda: "ready" in held.types)
        [file] = await send(server, token, "a.txt")
        await follow(one, held, lambda: ended(held, 1))
    statuses = [
        event["file"]["status"]
        for frame in held.frames
        if frame["type"] == "events"
        for event in frame["events"]
    ]
    assert statuses[0] == "queued"
    assert statuses[1] == "processing"
    assert statuses[-1] == "processed"
    assert held.files == {file: listed(server, token)[file]}


async def test_all_sockets_are_cut_while_many_files_come_and_nothing_is_lost_or_doubled(
    server: Server,
) -> None:
    token = someone(server, "cut")
    held = [Held() for _ in range(3)]
    names = [f"{number}.txt" for number in range(40)]
    sending = asyncio.ensure_future(send(server, token, *names))
    for one in held:
        async with socket_of(server, bearer(token)) as wire:
            await hello(wire, one)
            await follow(wire, one, lambda one=one: one.seq >= 5)  # type: ignore[misc]
            wire.transport.abort()
    await sending
    for one in held:
        async with socket_of(server, bearer(token)) as wire:
            await hello(wire, one)
            await follow(wire, one, lambda one=one: ended(one, 40))  # type: ignore[misc]
    truth = await asyncio.to_thread(listed, server, token)
    for one in held:
        assert one.files == truth
        assert one.counts["processed"] == 40
        assert one.seqs == sorted(set(one.seqs))
        assert one.types.count("snapshot") == 1


async def test_a_killed_server_is_come_back_to_and_nothing_is_lost(fresh_server: Server) -> None:
    token = someone(fresh_server, "again")
    held = Held()
    async with socket_of(fresh_server, bearer(token)) as one:
        await hello(one, held)
        await follow(one, held, lambda: "ready" in held.types)
        await send(fresh_server, token, "a.txt", "b.txt")
        await follow(one, held, lambda: len(held.files) == 2)
        await asyncio.to_thread(fresh_server.kill9)
    await asyncio.to_thread(fresh_server.start)
    async with socket_of(fresh_server, bearer(token)) as one:
        await hello(one, held)
        await follow(one, held, lambda: ended(held, 2))
    assert held.types.count("snapshot") == 1
    assert held.files == listed(fresh_server, token)


async def test_a_stopping_server_says_come_again(fresh_server: Server) -> None:
    token = someone(fresh_server, "deploy")
    held = Held()
    async with (
        socket_of(fresh_server, bearer(token)) as one,
        httpx.AsyncClient(base_url=fresh_server.url, headers=bearer(token), timeout=60) as client,
        client.stream("GET", "/events/") as stream,
    ):
        await hello(one, held)
        await follow(one, held, lambda: "ready" in held.types)
        lines = stream.aiter_lines()
        assert await anext(lines) == ": millrace"
        with within(5):
            stopping = asyncio.ensure_future(asyncio.to_thread(fresh_server.stop))
            assert await code_of(one) == 1012
            async for _ in lines:
                pass  # the stream ends in order, too
            assert await stopping == 0


def flood(server: Server, token: str, number: int) -> None:
    """As many events, each of some kilobytes."""
    with server.client(token) as client:
        for each in range(number):
            create(client, 5, f"{each}", path="p" * 4_000)


def narrow_socket(server: Server) -> socket.socket:
    """So small a window that the kernel can't take the outbox's place."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    narrow.connect(("127.0.0.1", server.port))
    return narrow


async def test_a_slow_reader_is_closed_with_4008_and_resumes_without_loss(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(OUTBOX_BYTES="64Ki").start()
    token = someone(server, "slow")
    held, brisk = Held(), Held()
    narrow = narrow_socket(server)
    async with (
        socket_of(server, bearer(token), sock=narrow, max_queue=1) as slow,
        socket_of(server, bearer(token)) as quick,
    ):
        await hello(slow, held)
        await follow(slow, held, lambda: "ready" in held.types)
        await hello(quick, brisk)
        number = 150
        flooding = asyncio.ensure_future(asyncio.to_thread(flood, server, token, number))
        await follow(quick, brisk, lambda: brisk.counts.get("receiving") == number)
        await flooding
        with pytest.raises(ConnectionClosed):
            await follow(slow, held, lambda: False)
        assert slow.close_code == 4008
    assert len(held.files) < number
    async with socket_of(server, bearer(token)) as again:
        await hello(again, held)
        await follow(again, held, lambda: held.cursor == brisk.cursor)
    assert held.seqs == brisk.seqs
    assert held.files == brisk.files


async def test_the_log_has_no_line_for_each_subscriber_that_comes_and_goes(
    make_server: Callable[..., Server],
) -> None:
    server = make_server().start()
    token = someone(server, "quiet")
    before = server.log_path.read_text().count("\n")
    for _ in range(5):
        held = Held()
        async with socket_of(server, bearer(token)) as one:
            await hello(one, held)
            await follow(one, held, lambda held=held: "ready" in held.types)  # type: ignore[misc]
    assert await asyncio.to_thread(server.stop) == 0
    lines = server.log_path.read_text().splitlines()[before:]
    assert not [line for line in lines if "ebSocket" in line or "connection" in line.lower()]


async def test_an_upload_is_seen_growing_at_most_every_100_ms_with_the_time_that_is_left(
    server: Server,
) -> None:
    token, size, held = someone(server, "grows"), 3_000_000, Held()
    moments = 0

    def growing() -> list[dict[str, Any]]:
        return [one for one in held.measures if one["step"] == "receive"]

    def send_slowly() -> None:
        tus = Tus(server, token)
        with tus.http:
            url = tus.create(size)
            with tus.begin_patch(url, 0, size) as connection:
                for chunk in range(20):
                    connection.sendall(b"x" * (size // 20))
                    time.sleep(0.04)
                    if chunk in {4, 8, 12}:  # a busy server tells a little later
                        eventually(lambda: len(growing()) >= chunk // 4, "progress")  # noqa: B023
                assert answer_of(connection)[0] == 204

    def processed() -> bool:
        nonlocal moments
        moments += held.types[-1:] == ["progress"]
        return held.counts.get("processed") == 1

    async with socket_of(server, bearer(token)) as one:
        await hello(one, held)
        await follow(one, held, lambda: "ready" in held.types)
        began = asyncio.get_running_loop().time()
        sending = asyncio.ensure_future(asyncio.to_thread(send_slowly))
        await follow(one, held, processed)
        took = asyncio.get_running_loop().time() - began
        await sending
    assert len(growing()) >= 3
    done = [one["done"] for one in growing()]
    assert done == sorted(done)
    assert 0 < done[0] < done[-1] <= size
    assert {(one["total"], one["unit"], one["attempt"]) for one in growing()} == {
        (size, "bytes", 0)
    }
    told = [one["eta_s"] for one in growing() if one["eta_s"] is not None]
    assert told
    assert 0 <= min(told) < 30 * max(1, took)
    assert moments <= took / 0.1 + 2
