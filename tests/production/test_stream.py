"""The stream as a company runs it: several processes, Postgres, Redis, and Redis away."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.consumers.peers import Held
from tests.production.stack import Stack
from tests.support.services import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.nginx, pytest.mark.timeout(300)]

FILES = 30
AWAY_SECONDS = 5
WELL = '"layer":"well"'
OF_NOBODY = {"position", "delivery"}  # frames that tell of the stream itself
CUT_SECONDS = 2  # that dropping takes while sockets are cut


class Follower:
    """Follows one web process's stream, coming again whenever it is cut."""

    def __init__(self, stack: Stack, web: int, token: str) -> None:
        port = stack.web[web].environment["PORT"]
        self.address = f"ws://127.0.0.1:{port}/ws/events/"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.held = Held()
        self.connections = 0
        self.socket: Any = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Follower:
        self._task = asyncio.get_running_loop().create_task(self._follow())
        await self.until(lambda: "ready" in self.held.types)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def until(self, test: Any, seconds: float = 100) -> None:
        async with asyncio.timeout(seconds):
            while not test():
                self._changed.clear()
                await self._changed.wait()

    def cut(self) -> None:
        self.socket.transport.abort()

    async def _follow(self) -> None:
        while True:
            try:
                async with connect(
                    self.address, additional_headers=self.headers, open_timeout=60
                ) as self.socket:
                    self.connections += 1
                    hello = {"type": "hello", "after": self.held.cursor}
                    await self.socket.send(json.dumps(hello))
                    async for raw in self.socket:
                        self.held.take(json.loads(raw))
                        self._changed.set()
            except (ConnectionClosed, OSError):
                await asyncio.sleep(0.2)


def drop(client: httpx.Client, number: int, pause: float) -> None:
    """Files, one after the other, in about the time that Redis is away."""
    for each in range(number):
        answer = client.put(f"/upload/{each}.txt", content=f"words {each}\n")
        assert answer.status_code == 201, answer.text
        if pause:
            asyncio.run(asyncio.sleep(pause))


def truth(client: httpx.Client) -> dict[str, dict[str, Any]]:
    page = client.get("/api/files/", params={"limit": "200"}).raise_for_status().json()
    assert not page["next"]
    return {item["id"]: item for item in page["items"]}


def readiness(stack: Stack) -> str:
    """What the web processes say of themselves."""
    ports = [program.environment["PORT"] for program in stack.web]
    told = " ".join(httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60).text for port in ports)
    return told.replace(": ", ":")


@pytest.fixture(autouse=True)
def _healed(stack: Stack) -> None:
    """Whatever was done to Redis before is over."""
    eventually(lambda: readiness(stack).count(WELL) == len(stack.web), "a layer that is well")


def deliveries(held: Held) -> list[bool]:
    """Whether delivery was said to be late, each time that it was told."""
    return [frame["degraded"] for frame in held.frames if frame["type"] == "delivery"]


def ended(held: Held, number: int) -> bool:
    return held.counts.get("processed") == number == len(held.files)


@pytest.mark.parametrize("trouble", ["sockets cut", "redis away"])
async def test_nothing_is_lost_or_doubled_while_there_is_trouble(
    stack: Stack, trouble: str
) -> None:
    name = trouble.replace(" ", "-")
    token = await asyncio.to_thread(stack.token, name)
    other = await asyncio.to_thread(stack.token, f"not-{name}")
    with stack.client(token) as client:
        async with AsyncExitStack() as ends:
            followers = [
                await ends.enter_async_context(Follower(stack, web, token)) for web in (0, 1)
            ]
            stranger = await ends.enter_async_context(Follower(stack, 1, other))
            before = list(stranger.held.frames)
            seconds = AWAY_SECONDS if trouble == "redis away" else CUT_SECONDS
            dropping = asyncio.ensure_future(
                asyncio.to_thread(drop, client, FILES, seconds / FILES)
            )
            await followers[0].until(lambda: len(followers[0].held.files) > 5)
            if trouble == "redis away":
                await asyncio.to_thread(stack.redis.kill9)
                await asyncio.sleep(AWAY_SECONDS)
                await asyncio.to_thread(stack.redis.start)
            else:
                for follower in followers:
                    follower.cut()
            await dropping
            for follower in followers:
                await follower.until(lambda held=follower.held: ended(held, FILES))
            told = await asyncio.to_thread(truth, client)
            for follower in followers:
                assert follower.held.files == told
                assert follower.held.types.count("snapshot") == 1
                assert follower.held.seqs == sorted(set(follower.held.seqs))
                assert follower.connections == (1 if trouble == "redis away" else 2)
            assert [one for one in stranger.held.frames if one["type"] not in OF_NOBODY] == before


async def test_while_redis_is_away_the_other_process_hears_within_seconds_and_readyz_says_so(
    stack: Stack,
) -> None:
    token = await asyncio.to_thread(stack.token, "delayed")
    async with Follower(stack, 0, token) as one, Follower(stack, 1, token) as two:
        await asyncio.to_thread(stack.redis.kill9)
        try:
            with stack.client(token) as client:
                await asyncio.to_thread(drop, client, 1, 0)
                for follower in (one, two):
                    await follower.until(lambda held=follower.held: len(held.files) == 1)
                for follower in (one, two):
                    await follower.until(lambda held=follower.held: deliveries(held) == [True])
                said = await asyncio.to_thread(readiness, stack)
        finally:
            await asyncio.to_thread(stack.redis.start)
        for follower in (one, two):
            await follower.until(lambda held=follower.held: deliveries(held) == [True, False])
        assert WELL not in said
