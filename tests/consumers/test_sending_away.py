"""Whoever has no right any more is sent away, at once; and all are, when the server stops."""

from __future__ import annotations

import uuid

from asgiref.sync import sync_to_async

from consumers.hub import Hub
from tests.consumers.peers import Peer, Person, arrives, cookie, origin, quiet, signed_in
from uploads import people
from uploads.models import Membership, Token
from uploads.publishing import doorbell


async def test_a_removed_token_closes_its_sockets_and_no_others(hub: Hub, alice: Person) -> None:
    _, secret = await sync_to_async(people.make_token)(alice.user)
    async with Peer(alice.headers) as mine, Peer({"authorization": f"Bearer {secret}"}) as still:
        await mine.join()
        await still.join()
        await Token.objects.filter(pk=alice.token.pk).adelete()
        doorbell.revoke(user=alice.user.pk, token=alice.token.pk)
        assert await mine.closed() == 4403
        assert still.code is None
        await arrives(alice.space)
        await still.until(lambda: still.held.seq == 1)
        assert mine.held.seq == 0
    async with Peer(alice.headers) as again:
        assert await again.closed() == 4401


async def test_signing_out_closes_the_sessions_sockets_and_no_others(
    hub: Hub, alice: Person
) -> None:
    one, two = await signed_in(alice), await signed_in(alice)
    async with (
        Peer(cookie(one) | {"origin": origin()}) as gone,
        Peer(cookie(two) | {"origin": origin()}) as still,
    ):
        await gone.join()
        await still.join()
        doorbell.revoke(session=one.session_key)
        assert await gone.closed() == 4403
        await quiet(0.02)
        assert still.code is None


async def test_a_revoked_user_is_closed_while_still_joining(hub: Hub, alice: Person) -> None:
    await arrives(alice.space)
    async with Peer(alice.headers) as peer:
        peer.hello()
        await peer.until(lambda: peer.held.frames or peer.code)
        doorbell.revoke(user=alice.user.pk)
        assert await peer.closed() == 4403


async def test_a_withdrawn_right_whose_ring_was_lost_is_found_out(
    hub: Hub, alice: Person, bob: Person
) -> None:
    slug = f"team-{uuid.uuid4().hex[:8]}"
    for member in (alice, bob):
        await sync_to_async(people.shared_space)(slug, member.user)
    async with (
        Peer(alice.headers, query=f"space={slug}") as stays,
        Peer(bob.headers, query=f"space={slug}") as goes,
    ):
        await stays.join()
        await goes.join()
        await Membership.objects.filter(user=bob.user, space__slug=slug).adelete()
        doorbell._subscribers["revoke"].remove(hub.revoke)
        try:
            # the watch has begun to sleep by the old clock, so it is asked once by hand
            await hub._ask_who_still_may()
        finally:
            doorbell.subscribe("revoke", hub.revoke)
        assert await goes.closed() == 4403
        assert stays.code is None


async def test_a_stopping_server_sends_all_away_to_come_again(hub: Hub, alice: Person) -> None:
    async with Peer(alice.headers) as peer:
        await peer.join()
        hub.farewell()
        assert await peer.closed() == 1012
