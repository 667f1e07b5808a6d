"""Whoever signs out, sets a password or removes a token closes what that let in, at once."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.consumers.peers import Held
from tests.consumers.test_sockets import bearer, code_of, follow, hello, socket_of
from tests.support.patience import LOADED
from tests.support.server import Server

AT_ONCE = 1.0 * LOADED  # seconds
PASSWORD = "correct horse battery staple"


@pytest.fixture
def name() -> str:
    return f"leaver-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def signed_in(server: Server, name: str, ends: ExitStack) -> httpx.Client:
    """A browser with a session."""
    link = server.manage("link", name).strip()
    headers = {"Accept": "text/html", "Origin": server.url}
    browser = ends.enter_context(httpx.Client(base_url=server.url, headers=headers, timeout=60))
    browser.get(link[link.index("/sign-in/") :])
    assert browser.get("/").status_code == 200
    return browser


def post(browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
    token = next(value for name, value in browser.cookies.items() if "csrf" in name)
    return browser.post(path, data={"csrfmiddlewaretoken": token, **fields})


def ticket(browser: httpx.Client) -> str:
    token = next(value for name, value in browser.cookies.items() if "csrf" in name)
    answer = browser.post("/api/tickets/", headers={"X-CSRFToken": token})
    told: str = answer.raise_for_status().json()["ticket"]
    return told


def cookies(browser: httpx.Client) -> dict[str, str]:
    said = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return {"Cookie": said, "Origin": str(browser.base_url).rstrip("/")}


@asynccontextmanager
async def live(server: Server, headers: dict[str, str]) -> AsyncIterator[ClientConnection]:
    """A socket that hears the stream."""
    async with socket_of(server, headers) as one:
        held = Held()
        await hello(one, held)
        await follow(one, held, lambda: "ready" in held.types)
        yield one


async def closed_at_once(one: ClientConnection) -> bool:
    async with asyncio.timeout(AT_ONCE):
        return await code_of(one) == 4403


async def still_open(one: ClientConnection) -> bool:
    """Whether it answers a ping."""
    async with asyncio.timeout(AT_ONCE):
        await (await one.ping())
    return one.close_code is None


@pytest.mark.parametrize("door", ["/sign-out/", "/admin/logout/"])
async def test_signing_out_closes_the_sockets_of_that_session_and_no_others(
    server: Server, name: str, ends: ExitStack, door: str
) -> None:
    token = await asyncio.to_thread(server.token, name)
    one, two = [await asyncio.to_thread(signed_in, server, name, ends) for _ in range(2)]
    async with (
        live(server, cookies(one)) as gone,
        live(server, cookies(two)) as other,
        live(server, bearer(token)) as program,
    ):
        assert (await asyncio.to_thread(post, one, door)).status_code == 302
        assert await closed_at_once(gone)
        assert await still_open(other)
        assert await still_open(program)


async def test_a_ticket_tells_nothing_of_its_session_and_ends_with_it(
    server: Server, name: str, ends: ExitStack
) -> None:
    browser = await asyncio.to_thread(signed_in, server, name, ends)
    (key,) = [value for cookie, value in browser.cookies.items() if "session" in cookie]
    papers = [await asyncio.to_thread(ticket, browser) for _ in range(2)]
    for paper in papers:
        readable = paper.partition(":")[0]
        assert key.encode() not in base64.urlsafe_b64decode(readable + "=" * (-len(readable) % 4))
    async with socket_of(server, {}) as one:
        held = Held()
        await hello(one, held, ticket=papers[0])
        await follow(one, held, lambda: "ready" in held.types)
        assert (await asyncio.to_thread(post, browser, "/sign-out/")).status_code == 302
        assert await closed_at_once(one)
    async with socket_of(server, {}) as late:
        await hello(late, Held(), ticket=papers[1])
        assert await code_of(late) == 4401


async def test_a_new_password_closes_the_sockets_of_all_sessions_but_not_those_of_programs(
    server: Server, name: str, ends: ExitStack
) -> None:
    token = await asyncio.to_thread(server.token, name)
    one, two = [await asyncio.to_thread(signed_in, server, name, ends) for _ in range(2)]
    async with (
        live(server, cookies(one)) as own,
        live(server, cookies(two)) as other,
        live(server, bearer(token)) as program,
    ):
        answer = await asyncio.to_thread(post, one, "/settings/", new=PASSWORD)
        assert answer.status_code == 302
        assert await closed_at_once(other)
        assert await closed_at_once(own)  # its session has another key from now on
        assert await still_open(program)
    async with live(server, cookies(one)) as again:
        assert await still_open(again)


async def test_a_removed_token_closes_its_sockets_and_streams(
    server: Server, name: str, ends: ExitStack
) -> None:
    mine, other = [await asyncio.to_thread(server.token, name) for _ in range(2)]
    with server.client(other) as client:
        tokens = client.get("/api/tokens/").raise_for_status().json()["items"]
        shown = {one["id"]: one for one in tokens}
        async with live(server, bearer(mine)) as gone, live(server, bearer(other)) as still:
            removed = min(shown, key=lambda key: shown[key]["created_at"])
            answer = await asyncio.to_thread(client.delete, f"/api/tokens/{removed}/")
            assert answer.status_code == 204
            assert await closed_at_once(gone)
            assert await still_open(still)


@pytest.mark.parametrize("place", ["token", "access_token", "ticket", "authorization"])
async def test_a_token_in_the_address_lets_nobody_in(server: Server, name: str, place: str) -> None:
    token = await asyncio.to_thread(server.token, name)
    async with socket_of(server, {}, f"?{place}={token}") as one:
        await hello(one, Held())
        assert await code_of(one) == 4401
    async with httpx.AsyncClient(base_url=server.url, params={place: token}, timeout=60) as client:
        for path in ("/events/", "/api/files/", "/api/events/"):
            assert (await client.get(path)).status_code == 401
