"""The WebSocket door: who may come in, from where, and how often."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from pytest_django import Settings

from consumers import hub as hubs
from consumers import websocket
from consumers.hub import Hub
from tests.consumers.peers import (
    PATIENCE_SECONDS,
    Peer,
    Person,
    arrives,
    cookie,
    quiet,
    signed_in,
)
from uploads import people
from uploads.access import rights, tickets
from uploads.models import Role, Token
from uploads.publishing import doorbell

HERE = "http://127.0.0.1:8000"


def ticket(who: Person) -> str:
    inside = rights.Access(
        user_id=who.user.pk,
        username=who.user.username,
        space_id=who.space.pk,
        space_slug=who.space.slug,
        role=Role.VIEWER,
        scopes=("read",),
        via="token",
        token_id=who.token.pk,
        session_key=None,
    )
    return tickets.make(inside)


# -- who -------------------------------------------------------------------------------------------


async def test_without_credentials_a_hello_is_answered_with_4401(hub: Hub) -> None:
    async with Peer({}) as peer:
        peer.hello()
        assert await peer.closed() == 4401


async def test_a_stranger_who_says_nothing_is_not_kept(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "STRANGER_SECONDS", 0.02)
    async with Peer({}) as peer:
        assert await peer.closed() == 4401


@pytest.mark.parametrize("value", ["Bearer nonsense", "Bearer ", "Basic YTpi", "nonsense"])
async def test_a_token_that_is_none_is_answered_with_4401_at_once(hub: Hub, value: str) -> None:
    async with Peer({"authorization": value}) as peer:
        assert await peer.closed() == 4401


async def test_an_expired_token_is_answered_with_4401(hub: Hub, alice: Person) -> None:
    await Token.objects.filter(pk=alice.token.pk).aupdate(expires_at=timezone.now())
    async with Peer(alice.headers) as peer:
        assert await peer.closed() == 4401


async def test_who_says_no_hello_is_closed_with_4408(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "HELLO_SECONDS", 0.02)
    async with Peer(alice.headers) as peer:
        assert await peer.closed() == 4408


async def test_who_has_said_hello_is_not_closed_for_silence(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "HELLO_SECONDS", 1)
    async with Peer(alice.headers) as peer:
        await peer.join()
        await quiet(1.2)
        assert peer.code is None


async def test_a_ticket_lets_in_once(hub: Hub, alice: Person) -> None:
    await arrives(alice.space)
    paper = ticket(alice)
    async with Peer({"origin": "https://elsewhere.example"}) as peer:
        await peer.join(ticket=paper)
        assert len(peer.held.files) == 1
    async with Peer({}) as again:
        again.hello(ticket=paper)
        assert await again.closed() == 4401


async def test_a_forged_ticket_lets_nobody_in(hub: Hub, alice: Person) -> None:
    paper = ticket(alice)
    async with Peer({}) as peer:
        peer.hello(ticket=paper[:-3] + "abc")
        assert await peer.closed() == 4401


# -- from where ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["http://localhost:8000", HERE])
async def test_a_cookie_counts_from_our_own_pages(hub: Hub, alice: Person, place: str) -> None:
    session = await signed_in(alice)
    async with Peer(cookie(session) | {"origin": place}) as peer:
        await peer.join()


@pytest.mark.parametrize(
    "place",
    [
        None,
        "null",
        "",
        "http://localhost:8001",
        "https://localhost:8000",
        "http://localhost",
        "http://localhost:8000.evil.example",
        "https://evil.example",
    ],
)
async def test_a_cookie_does_not_count_from_elsewhere(
    hub: Hub, alice: Person, place: str | None
) -> None:
    session = await signed_in(alice)
    headers = cookie(session) | ({} if place is None else {"origin": place})
    async with Peer(headers) as peer:
        peer.hello()
        assert await peer.closed() == 4403
        assert peer.held.frames == []


async def test_a_cookie_from_elsewhere_is_not_waited_for(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "STRANGER_SECONDS", 0.02)
    session = await signed_in(alice)
    async with Peer(cookie(session) | {"origin": "https://evil.example"}) as peer:
        assert await peer.closed() == 4403


async def test_a_page_elsewhere_may_use_a_ticket_although_the_browser_sends_a_cookie_along(
    hub: Hub, alice: Person
) -> None:
    session = await signed_in(alice)
    async with Peer(cookie(session) | {"origin": "http://localhost:3000"}) as peer:
        await peer.join(ticket=ticket(alice))


@pytest.mark.parametrize("place", [None, "null", "https://elsewhere.example"])
async def test_a_token_needs_no_origin(hub: Hub, alice: Person, place: str | None) -> None:
    headers = alice.headers | ({} if place is None else {"origin": place})
    async with Peer(headers) as peer:
        await peer.join()


# -- what ------------------------------------------------------------------------------------------


async def test_a_stranger_receives_nothing_of_others(hub: Hub, alice: Person, bob: Person) -> None:
    async with Peer(bob.headers) as stranger, Peer(alice.headers) as owner:
        await stranger.join()
        await owner.join()
        before = list(stranger.held.frames)
        file = await arrives(alice.space, batch="b")
        body = {"id": str(file.pk), "attempt": 0, "step": "receive", "done": 1.0}
        doorbell.progress(alice.space.pk, "b", body | {"total": 3, "unit": "bytes", "eta_s": None})
        await owner.until(lambda: owner.held.seq == 1)
        await quiet()
        assert stranger.held.frames == before


@pytest.mark.parametrize("query", ["space={slug}", "space=nowhere", "space="])
async def test_a_space_that_is_not_yours_is_not_entered(
    hub: Hub, alice: Person, bob: Person, query: str
) -> None:
    async with Peer(bob.headers, query=query.format(slug=alice.space.slug)) as peer:
        peer.hello()
        if query == "space=":
            await peer.until(lambda: "ready" in peer.held.types)  # nothing was named: your own
        else:
            assert await peer.closed() == 4403


async def test_two_members_of_a_space_see_the_same(hub: Hub, alice: Person, bob: Person) -> None:
    slug = f"team-{uuid.uuid4().hex[:8]}"
    team = await sync_to_async(people.shared_space)(slug, alice.user)
    await sync_to_async(people.shared_space)(slug, bob.user)
    async with (
        Peer(alice.headers, query=f"space={slug}") as one,
        Peer(bob.headers, query=f"space={slug}") as two,
    ):
        await one.join()
        await two.join()
        await arrives(team)
        for peer in (one, two):
            await peer.until(lambda peer=peer: peer.held.seq == 1)
        assert one.held.frames == two.held.frames


# -- how much --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"type":"hello","after":7}',
        '{"type":"hello","file":"no uuid"}',
        '{"type":"subscribe"}',
        '{"type":"hello","batch":"a\\u0000b"}',
        '{"type":"hello","batch":"' + "b" * 101 + '"}',
        "[" * 5_000,
    ],
)
async def test_a_first_message_that_is_no_hello_is_refused(
    hub: Hub, alice: Person, message: str
) -> None:
    async with Peer(alice.headers) as peer:
        peer.say(message)
        assert await peer.closed() == 1008


async def test_a_second_hello_is_refused(hub: Hub, alice: Person) -> None:
    async with Peer(alice.headers) as peer:
        await peer.join()
        peer.hello()
        assert await peer.closed() == 1008


async def test_a_message_over_64_kib_is_refused(hub: Hub, alice: Person) -> None:
    async with Peer(alice.headers) as peer:
        await peer.join()
        peer.say("x" * 64 * 1024 + "x")
        assert await peer.closed() == 1009


async def test_messages_of_a_later_version_are_let_pass_but_not_a_flood_of_them(
    hub: Hub, alice: Person
) -> None:
    async with Peer(alice.headers) as peer:
        await peer.join()
        for _ in range(15):
            peer.say({"type": "something-new"})
        await quiet()
        assert peer.code is None
        for _ in range(200):
            peer.say({"type": "something-new"})
        assert await peer.closed() == 4029


async def test_one_user_has_only_so_many_sockets(
    hub: Hub, alice: Person, bob: Person, settings: Settings
) -> None:
    settings.SOCKETS_PER_USER = 2
    async with Peer(alice.headers) as one, Peer(alice.headers) as two:
        await one.join()
        await two.join()
        async with Peer(alice.headers) as three:
            assert await three.closed() == 4029
        async with Peer(bob.headers) as other:
            await other.join()
    async with Peer(alice.headers) as four:
        await four.join()


async def test_only_so_many_strangers_may_stand_at_the_door(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "STRANGERS", 2)
    async with Peer({}), Peer({}):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while hub.subscribers < 2:  # noqa: ASYNC110 - there is nothing to wait on
                await asyncio.sleep(0.01)
        async with Peer({}) as three:
            assert await three.closed() == 4029


async def test_nobody_who_has_left_is_kept_in_mind(hub: Hub, alice: Person) -> None:
    for _ in range(3):
        async with Peer(alice.headers) as peer:
            await peer.join()
            assert hub.subscribers == 1
    assert hub.subscribers == 0
    assert hub.streams[alice.space.pk]._live == {}


async def test_a_socket_costs_no_task_of_its_own_while_idle(hub: Hub, alice: Person) -> None:
    async with Peer(alice.headers) as first:
        await first.join()
        before = len(asyncio.all_tasks())
        peers: list[Any] = [await Peer(alice.headers).connect().join() for _ in range(5)]
        assert len(asyncio.all_tasks()) - before == 5  # the servers' own
        for peer in peers:
            await peer.leave()
